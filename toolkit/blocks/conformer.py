"""Conformer layers in a wav2vec 2.0 encoder: configuration, rules, layouts.

`Wav2Vec2ConformerModel` has them with relative or rotary positions. fairseq also puts them into its
plain encoder, with a positional convolution (`pos_enc_type` abs); that and a norm before the first
layer need code in the folder.
Source: `fairseq/modules/conformer_layer.py`; Gulati et al. 2020 (arXiv:2005.08100).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from toolkit.blocks.evidence import Derived, Facts, argued, hard_coded
from toolkit.blocks.forms import Lack
from toolkit.blocks.place import Place
from toolkit.core.json import JsonDict, JsonObject
from toolkit.mapping import Drop, Row, Rule
from toolkit.replay.pairs import Layout

LAYER = "encoder.layers.{i}."
FIRST = "encoder.layers.0."
BIAS = FIRST + "self_attn.pos_bias_u"
FREQUENCIES = FIRST + "self_attn.rotary_emb.inv_freq"
HF_FREQUENCIES = "encoder.embed_positions.inv_freq"
HF_POS_CONV = "encoder.pos_conv_embed."
NORMS, POSITIONS = "do_stable_layer_norm", "position_embeddings_type"
KEYS = (
    *("hidden_act", "conv_depthwise_kernel_size", "conformer_conv_dropout"),
    *(POSITIONS, "rotary_embedding_base", "max_source_positions"),
    NORMS,
)
"""Keys that mean something else, or nothing, where layers are of another kind."""
MAX_POSITIONS = 5000
"""Frames that transformers' own table of relative positions has; it grows where it must."""

# fmt: off
ROWS: tuple[Row, ...] = (
    Rule("{ffn1|ffn2}.w_1.{weight|bias}",         "{ffn1|ffn2}.intermediate_dense.{weight|bias}"),
    Rule("{ffn1|ffn2}.w_2.{weight|bias}",         "{ffn1|ffn2}.output_dense.{weight|bias}"),
    Rule("{ffn1|ffn2}.layer_norm.{weight|bias}",  "{ffn1|ffn2}_layer_norm.{weight|bias}"),
    Rule("{self_attn_layer_norm|final_layer_norm}.{weight|bias}",
         "{self_attn_layer_norm|final_layer_norm}.{weight|bias}"),
    Rule("conv_module.layer_norm.{weight|bias}",  "conv_module.layer_norm.{weight|bias}"),
    Rule("conv_module.{pointwise_conv1|depthwise_conv|pointwise_conv2}.weight",
         "conv_module.{pointwise_conv1|depthwise_conv|pointwise_conv2}.weight"),
    Rule("conv_module.batch_norm.{weight|bias|running_mean|running_var|num_batches_tracked}",
         "conv_module.batch_norm.{weight|bias|running_mean|running_var|num_batches_tracked}"),
)
ESPNET_ATTENTION: tuple[Row, ...] = (
    Rule("self_attn.{linear_q|linear_k|linear_v|linear_out}.{weight|bias}",
         "self_attn.{linear_q|linear_k|linear_v|linear_out}.{weight|bias}"),
)
FAIRSEQ_ATTENTION: tuple[Row, ...] = tuple(
    Rule(f"self_attn.{name}_proj.{{weight|bias}}",
         f"self_attn.linear_{name}.{{weight|bias}}")
    for name in ("q", "k", "v", "out")
)
RELATIVE_POSITIONS: tuple[Row, ...] = (
    Rule("self_attn.linear_pos.weight",           "self_attn.linear_pos.weight"),
    Rule("self_attn.{pos_bias_u|pos_bias_v}",     "self_attn.{pos_bias_u|pos_bias_v}"),
)
LAYOUTS = (
    Layout("",                                    "T B D",          "B T D", extra_frames=1),
    Layout("self_attn",                           "T B D",          "B T D", extra_frames=1),
    Layout("{ffn1_layer_norm|ffn2_layer_norm|self_attn_layer_norm|final_layer_norm}", "T B D", "B T D", extra_frames=1),
    Layout("{ffn1|ffn2}.{intermediate_dense|output_dense}", "T B D", "B T D", extra_frames=1),
    Layout("conv_module",                         "B T D",          "B T D", extra_frames=1),
    Layout("conv_module.layer_norm",              "B T D",          "B T D", extra_frames=1),
    Layout("conv_module.{pointwise_conv1|depthwise_conv|batch_norm|pointwise_conv2}", "B D T", "B D T", extra_frames=1),
    # P relative positions, the same for every clip.
    Layout("self_attn.linear_pos",                "B P D",          "B P D"),
)
# fmt: on


def attention_rows(facts: Facts, *, is_espnet: bool) -> tuple[Row, ...]:
    """The rules of a layer but for rotary positions, by names without the layer's prefixes.

    Args:
        facts: What the first layer's tensors say.
        is_espnet: Whether its attention is the one that fairseq took from ESPnet.
    """
    attention = ESPNET_ATTENTION if is_espnet else FAIRSEQ_ATTENTION
    relative = RELATIVE_POSITIONS if facts.has("self_attn.pos_bias_u") else ()
    return (*ROWS, *attention, *relative)


def layer_layouts(*, is_espnet: bool) -> tuple[Layout, ...]:
    """How activations lie in a layer's modules on both sides, by paths without its prefix."""
    linear = "self_attn.{linear_q|linear_k|linear_v|linear_out}"
    axes = "B T D" if is_espnet else "T B D"
    return (*LAYOUTS, Layout(linear, axes, "B T D", extra_frames=1))


def has_conformer_layers(facts: Facts) -> bool:
    """Whether the encoder's layers are conformer layers."""
    return facts.has(FIRST + "conv_module.depthwise_conv.weight")


@dataclass(frozen=True, kw_only=True)
class ConformerLayers:
    """The layers of a conformer encoder, in the place of that encoder."""

    place: Place
    facts: Facts
    """What the encoder's own tensors say."""
    w2v: JsonObject
    """fairseq's arguments of the encoder."""
    where: str = "w2v_args"
    """What evidence calls them."""
    extractor_norm: str
    """`layer` or `group`, of the convolutions before it."""
    told: Mapping[str, Derived]
    """What the user says of the encoder, or a recording or the model itself chose, by key."""
    tries: bool
    """Whether its class has to take every value that is left open, as each will be tried."""

    def rows(self) -> tuple[Row, ...]:
        """The rules that apply to the layers' tensors, without the place's prefixes."""
        rows = attention_rows(self.facts.under(FIRST), is_espnet=self._is_espnet)
        return (
            *(row.under(LAYER, LAYER) for row in rows),
            *(self._rotary_rows() if self.facts.has(FREQUENCIES) else ()),
        )

    def layouts(self) -> tuple[Layout, ...]:
        """How activations lie in the layers' modules on both sides, without the prefixes."""
        # Before the layers, fairseq's conformer stack normalizes time first.
        time_first = not self.norm_first.value and self._positions.value != "convolution"
        return (
            *(one.under(LAYER, LAYER) for one in layer_layouts(is_espnet=self._is_espnet)),
            Layout("encoder.layer_norm", "T B D" if time_first else "B T D", "B T D"),
        )

    def config(self) -> Iterator[tuple[str, Derived]]:
        """The values of the encoder's configuration that its layers determine."""
        facts = self.facts
        hidden, kernel = FIRST + "ffn1.w_1.weight", FIRST + "conv_module.depthwise_conv.weight"
        swish = "fairseq's conformer layers use swish, whatever activation_fn says"
        yield "intermediate_size", facts.shaped(facts.shape(hidden)[0], hidden)
        yield "hidden_act", hard_coded("swish", swish)
        yield "conv_depthwise_kernel_size", facts.shaped(facts.shape(kernel)[2], kernel)
        yield "conformer_conv_dropout", argued(self.w2v, "dropout", self.where, 0.0)
        yield POSITIONS, self._positions
        yield "rotary_embedding_base", hard_coded(10000, "fairseq's RotaryPositionalEmbedding")
        longest = argued(self.w2v, "max_positions", self.where, 100_000)
        grows = f"{longest.evidence}; longer tables grow on demand"
        yield "max_source_positions", hard_coded(min(int(longest.value), MAX_POSITIONS), grows)

    def maybe_heads(self) -> Derived | None:
        """How many attention heads there are, where the position embeddings tell."""
        facts = self.facts
        if facts.has(BIAS):
            return facts.shaped(facts.shape(BIAS)[0], BIAS)
        if facts.has(FREQUENCIES):
            size = facts.shape(FIRST + "self_attn_layer_norm.weight")[0]
            return facts.shaped(size // (2 * facts.shape(FREQUENCIES)[0]), FREQUENCIES)
        return None

    def unpaired(self) -> tuple[str, ...]:
        """Target tensors that no pair of modules has in common, without the target's prefix."""
        # With relative or rotary positions, neither side applies the convolution that it holds.
        idle = self._positions.value != "convolution"
        names = ("bias", "parametrizations.weight.original0", "parametrizations.weight.original1")
        convolution = tuple(f"{HF_POS_CONV}conv.{name}" for name in names)
        # fairseq keeps the frequencies in every layer, transformers once.
        return (HF_FREQUENCIES, *(convolution if idle else ()))

    def lacks(self) -> Iterator[Lack]:
        """What the layers have and no stock class can express."""
        if self._may_be(self._positions, "convolution"):
            yield Lack(
                name=f"{self.where}.pos_enc_type",
                because="it applies its positional convolution, Wav2Vec2Conformer does not",
                module=self.place.module("encoder"),
                explains=(self.place.key(POSITIONS),),
            )
        if self._may_be(self.norm_first, False):
            yield Lack(
                name=f"{self.where}.layer_norm_first",
                because="it normalizes before its first layer, Wav2Vec2Conformer after its last",
                module=self.place.module("encoder"),
                hypothesis="norm_order",
            )

    def reference_arguments(self, value: JsonObject) -> JsonDict:
        """Fairseq's arguments of the layers, from the encoder's configuration."""
        kinds = {"relative": "rel_pos", "rotary": "rope", "convolution": "abs", None: "rope"}
        return {
            "layer_type": "conformer",
            "pos_enc_type": kinds[self._positions.value],
            "attn_type": "espnet" if self._is_espnet else "",
            "depthwise_conv_kernel_size": value["conv_depthwise_kernel_size"],
            "max_positions": value["max_source_positions"],
            "fp16": False,
        }

    @property
    def _is_espnet(self) -> bool:
        return self.facts.has(FIRST + "self_attn.linear_q.weight")

    @property
    def norm_first(self) -> Derived:
        """Whether the stack normalizes behind its last layer, and not before its first.

        Its layers have one order of norms. Source of what is assumed:
        `wav2vec2_conformer_{base_librispeech,large_librivox}.yaml` of fairseq's `examples/wav2vec`.
        """
        if NORMS in self.told:
            return self.told[NORMS]
        if "layer_norm_first" in self.w2v:
            return argued(self.w2v, "layer_norm_first", self.where)
        behind = self.extractor_norm == "layer"
        return Derived(
            value=behind,
            evidence=f"fairseq's recipe of conformers with {self.extractor_norm} norm in the "
            f"extractor normalizes {'behind the last' if behind else 'before the first'} layer",
            candidates=(True, False),
            shown_by=self.place.module("encoder"),
        )

    def _may_be(self, derived: Derived, value: object) -> bool:
        return derived.value == value or (self.tries and value in derived.candidates)

    def _rotary_rows(self) -> Iterator[Row]:
        yield Rule(FREQUENCIES, HF_FREQUENCIES)
        for layer in range(1, self.facts.count("encoder.layers.")):
            yield Drop(
                f"encoder.layers.{layer}.self_attn.rotary_emb.inv_freq",
                "every layer holds the same frequencies; transformers keeps the first's",
            )

    @property
    def _positions(self) -> Derived:
        facts = self.facts
        if facts.has(BIAS):
            return facts.present("relative", BIAS)
        if facts.has(FREQUENCIES):
            return facts.present("rotary", FREQUENCIES)
        kind = argued(self.w2v, "pos_enc_type", self.where, "abs")
        said = Derived(value="convolution" if kind.value == "abs" else None, evidence=kind.evidence)
        return said if self.w2v or self._is_espnet else self._traceless(said)

    def _traceless(self, assumed: Derived) -> Derived:
        """With fairseq's attention, rotary positions are none at all, and leave no trace either."""
        possible = ("convolution", None)
        if POSITIONS in self.told and self.told[POSITIONS].value in possible:
            return self.told[POSITIONS]
        return replace(assumed, candidates=possible, shown_by=self.place.module("encoder"))
