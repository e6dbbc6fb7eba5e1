"""fairseq's conformer encoder of filter banks, behind convolutions that shorten them.

No class of transformers has it: its code is in the folder.
Source: `fairseq/models/speech_to_text/s2t_conformer.py`; Gulati et al. 2020 (arXiv:2005.08100).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from toolkit.blocks.conformer import attention_rows, layer_layouts
from toolkit.blocks.evidence import Derived, argued, hard_coded
from toolkit.blocks.filter_bank_encoder import CONVOLVED, FilterBankEncoderBlock
from toolkit.blocks.forms import Lack
from toolkit.core.breakable import Attention, Breakable, Part, Side
from toolkit.core.coverage import Reason
from toolkit.core.json import JsonDict
from toolkit.core.slips import (
    activations,
    gained,
    halved,
    lost,
    other,
    other_divisors,
    plus,
    slip,
    unseen,
)
from toolkit.mapping import Drop, Row, Rule
from toolkit.replay.pairs import Layout

LAYERS = "conformer_layers."
FIRST = f"{LAYERS}0."
BIAS = f"{FIRST}self_attn.pos_bias_u"
FREQUENCIES = f"{FIRST}self_attn.rotary_emb.inv_freq"
HF_FREQUENCIES = "embed_positions.inv_freq"
POSITIONS = {"relative": "rel_pos", "rotary": "rope", "sinusoidal": "abs", None: "rope"}
"""What fairseq calls positions; with its own attention, rotary ones are none at all."""

# fmt: off
LINEAR: tuple[Row, ...] = (
    Rule("linear.{weight|bias}", "linear.{weight|bias}"),
)
LINEAR_LAYOUT = Layout("linear", "T B D", "B T D")
BREAKABLE = Breakable(
    parts=(
        Part(name="convolutions",           modules=r"conv\.conv_layers\.\d+", is_gated=True),
        Part(name="encoder projection",     modules=r"linear"),
        Part(name="encoder positions",      modules=r"embed_positions"),
        Part(name="encoder self-attention", modules=r"layers\.\d+\.self_attn(\..+)?"),
        Part(name="encoder feed-forward",   modules=r"layers\.\d+\.(ffn\d|conv_module)\..+"),
        Part(name="encoder norms",          modules=r"layers\.\d+\.\w*layer_norm"),
    ),
    sides=(Side(width="d_model", heads="encoder_attention_heads"),),
    stacks=("layers",),
    attentions=(
        Attention(modules=r"layers\.\d+\.self_attn", query="linear_q", key="linear_k", value="linear_v", output="linear_out"),
    ),
    slips=(
        slip("encoder_attention_heads", "head_count_changed",      other_divisors("d_model"), "wrong_head_count", absent=True),
        slip("encoder_layers",          "layer_count_changed",     plus(1, -1)),
        slip("hidden_act",              "activation_changed",      activations, "wrong_activation"),
        slip("scale_embedding",         "embedding_scale_changed", lost,        "missing_scale", absent=True),
        slip("scale_embedding",         "embedding_scale_changed", gained,      "missing_scale", "wrong_value"),
        unseen("max_source_positions",  "positions_changed",       halved),
        unseen("dropout",               "dropout_changed",         other(0.1, 0.0)),
        unseen("attention_dropout",     "dropout_changed",         other(0.1, 0.0)),
        unseen("activation_dropout",    "dropout_changed",         other(0.1, 0.0)),
    ),
)
# fmt: on


@dataclass(frozen=True, kw_only=True)
class FilterBankConformerBlock(FilterBankEncoderBlock):
    """What a family asks of the encoder; every name that it returns is whole."""

    inner: ClassVar[str] = LAYERS
    heads: ClassVar[int] = 4

    @property
    def normalizes_before(self) -> Derived:
        """Each block of a conformer does."""
        return hard_coded(True, "conformer layers have one order of norms")

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """How activations lie in the modules on both sides."""
        inside = (
            replace(one, extra_frames=0).under("", "layers.{i}.")
            for one in layer_layouts(is_espnet=self._is_espnet)
        )
        return self.place.layouts((*CONVOLVED, LINEAR_LAYOUT, *inside))

    @property
    def unpaired(self) -> tuple[str, ...]:
        """The frequencies, which fairseq keeps in every layer and transformers once."""
        return (self.place.module(HF_FREQUENCIES),) if self.facts.has(FREQUENCIES) else ()

    def lacks(self) -> Iterator[Lack]:
        """Everything: the stock class has other layers."""
        yield Lack(
            name=self.facts.name(LAYERS.rstrip(".")),
            because="its layers are those of a conformer, Speech2Text's of a transformer",
            module=self.place.module("layers.0"),
        )

    def dropouts(self) -> dict[str, Derived]:
        """What training drops, by key: fairseq gives the layers one number."""
        dropout = argued(self.model, "dropout", "args", 0.1)
        return dict.fromkeys(("dropout", "attention_dropout", "activation_dropout"), dropout)

    @property
    def _is_espnet(self) -> bool:
        return self.facts.has(f"{FIRST}self_attn.linear_q.weight")

    @property
    def _positions(self) -> Derived:
        facts = self.facts
        if facts.has(BIAS):
            return facts.present("relative", BIAS)
        if facts.has(FREQUENCIES):
            return facts.present("rotary", FREQUENCIES)
        kind = argued(self.model, "pos_enc_type", "args", "abs")
        return replace(kind, value=None if kind.value == "rope" else "sinusoidal")

    @property
    def _inner_width(self) -> str:
        return f"{FIRST}ffn1.w_1.weight"

    @property
    def _heads(self) -> Derived:
        facts = self.facts
        if facts.has(BIAS):
            return facts.shaped(facts.shape(BIAS)[0], BIAS)
        if facts.has(FREQUENCIES):
            return facts.shaped(self.width // (2 * facts.shape(FREQUENCIES)[0]), FREQUENCIES)
        return argued(self.model, "encoder_attention_heads", "args", self.heads)

    def breakable(self, *, alone: bool) -> Breakable:  # noqa: ARG002
        """What can be broken of the encoder, which is always alone."""
        return BREAKABLE

    def _layer_rows(self) -> tuple[Row, ...]:
        rows = attention_rows(self.facts.under(FIRST), is_espnet=self._is_espnet)
        inside = (row.under(f"{LAYERS}{{i}}.", "layers.{i}.") for row in rows)
        return (*LINEAR, *inside, *(self._rotary_rows() if self.facts.has(FREQUENCIES) else ()))

    def _rotary_rows(self) -> Iterator[Row]:
        yield Rule(FREQUENCIES, HF_FREQUENCIES)
        for layer in range(1, self.facts.count(LAYERS)):
            yield Drop(
                f"{LAYERS}{layer}.self_attn.rotary_emb.inv_freq",
                "every layer holds the same frequencies; transformers keeps the first's",
            )

    def _layer_arguments(self) -> JsonDict:
        kernel = self.facts.shape(f"{FIRST}conv_module.depthwise_conv.weight")[2]
        return {
            "attn_type": "espnet" if self._is_espnet else "",
            "pos_enc_type": POSITIONS[self._positions.value],
            "depthwise_conv_kernel_size": kernel,
            "input_feat_per_channel": self.facts.shape("subsample.conv_layers.0.weight")[1],
            "input_channels": 1,
            "fp16": False,
        }

    def _alone(self) -> Iterator[tuple[str, Derived]]:
        kernel = f"{FIRST}conv_module.depthwise_conv.weight"
        swish = "fairseq's conformer layers use swish, whatever activation_fn says"
        yield "layer_type", self.facts.present("conformer", f"{LAYERS}0")
        yield "position_embeddings_type", self._positions
        yield "hidden_act", hard_coded("swish", swish)
        yield "conv_depthwise_kernel_size", self.facts.shaped(self.facts.shape(kernel)[2], kernel)
        yield "rotary_embedding_base", hard_coded(10000, "fairseq's RotaryPositionalEmbedding")

    def _refused_layers(self) -> Iterator[Reason]:
        if self.model.get("pos_enc_type") == "rel_pos" and not self.facts.has(BIAS):
            yield Reason(
                name="args.pos_enc_type",
                because="it is `rel_pos` without `--attn-type espnet`, which fairseq itself cannot "
                "run: its own attention takes no positions. Train it with both",
            )
