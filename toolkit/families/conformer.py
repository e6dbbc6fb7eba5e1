"""Conformer layers in a wav2vec 2.0 encoder: configuration, rules, layouts.

`Wav2Vec2ConformerModel` has them with relative or rotary positions. fairseq also puts them into its
plain encoder, with a positional convolution (`pos_enc_type` abs); that and a norm before the first
layer need code in the folder.
Source: `fairseq/modules/conformer_layer.py`; Gulati et al. 2020 (arXiv:2005.08100).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from toolkit.families.base import Derived, Lack
from toolkit.families.evidence import Facts, argued, hard_coded, present, shaped
from toolkit.families.prefixes import HF_POS_CONV, W2V
from toolkit.mapping import Drop, Row, Rule
from toolkit.replay.pairs import Layout

LAYER = W2V + "encoder.layers.{i}."
FIRST = W2V + "encoder.layers.0."
HF_LAYER = "encoder.encoder.layers.{i}."
BIAS = FIRST + "self_attn.pos_bias_u"
FREQUENCIES = FIRST + "self_attn.rotary_emb.inv_freq"
HF_FREQUENCIES = "encoder.encoder.embed_positions.inv_freq"
KEYS = tuple(
    f"encoder.{name}"
    for name in (
        *("hidden_act", "conv_depthwise_kernel_size", "conformer_conv_dropout"),
        *("position_embeddings_type", "rotary_embedding_base", "max_source_positions"),
        "do_stable_layer_norm",
    )
)
"""Keys of the encoder that mean something else, or nothing, where layers are of another kind."""
MAX_POSITIONS = 5000
"""Frames that transformers' own table of relative positions has; it grows where it must."""

# fmt: off
ROWS: tuple[Row, ...] = (
    Rule(LAYER + "{ffn1|ffn2}.w_1.{weight|bias}",         HF_LAYER + "{ffn1|ffn2}.intermediate_dense.{weight|bias}"),
    Rule(LAYER + "{ffn1|ffn2}.w_2.{weight|bias}",         HF_LAYER + "{ffn1|ffn2}.output_dense.{weight|bias}"),
    Rule(LAYER + "{ffn1|ffn2}.layer_norm.{weight|bias}",  HF_LAYER + "{ffn1|ffn2}_layer_norm.{weight|bias}"),
    Rule(LAYER + "{self_attn_layer_norm|final_layer_norm}.{weight|bias}",
         HF_LAYER + "{self_attn_layer_norm|final_layer_norm}.{weight|bias}"),
    Rule(LAYER + "conv_module.layer_norm.{weight|bias}",  HF_LAYER + "conv_module.layer_norm.{weight|bias}"),
    Rule(LAYER + "conv_module.{pointwise_conv1|depthwise_conv|pointwise_conv2}.weight",
         HF_LAYER + "conv_module.{pointwise_conv1|depthwise_conv|pointwise_conv2}.weight"),
    Rule(LAYER + "conv_module.batch_norm.{weight|bias|running_mean|running_var|num_batches_tracked}",
         HF_LAYER + "conv_module.batch_norm.{weight|bias|running_mean|running_var|num_batches_tracked}"),
)
ESPNET_ATTENTION: tuple[Row, ...] = (
    Rule(LAYER + "self_attn.{linear_q|linear_k|linear_v|linear_out}.{weight|bias}",
         HF_LAYER + "self_attn.{linear_q|linear_k|linear_v|linear_out}.{weight|bias}"),
)
FAIRSEQ_ATTENTION: tuple[Row, ...] = tuple(
    Rule(LAYER + f"self_attn.{name}_proj.{{weight|bias}}",
         HF_LAYER + f"self_attn.linear_{name}.{{weight|bias}}")
    for name in ("q", "k", "v", "out")
)
RELATIVE_POSITIONS: tuple[Row, ...] = (
    Rule(LAYER + "self_attn.linear_pos.weight",           HF_LAYER + "self_attn.linear_pos.weight"),
    Rule(LAYER + "self_attn.{pos_bias_u|pos_bias_v}",     HF_LAYER + "self_attn.{pos_bias_u|pos_bias_v}"),
)
LAYOUTS = (
    Layout("encoder.encoder.layers.{i}",                  "T B D",          "B T D", extra_frames=1),
    Layout(HF_LAYER + "self_attn",                        "T B D",          "B T D", extra_frames=1),
    Layout(HF_LAYER + "{ffn1_layer_norm|ffn2_layer_norm|self_attn_layer_norm|final_layer_norm}", "T B D", "B T D", extra_frames=1),
    Layout(HF_LAYER + "{ffn1|ffn2}.{intermediate_dense|output_dense}", "T B D", "B T D", extra_frames=1),
    Layout(HF_LAYER + "conv_module",                      "B T D",          "B T D", extra_frames=1),
    Layout(HF_LAYER + "conv_module.layer_norm",           "B T D",          "B T D", extra_frames=1),
    Layout(HF_LAYER + "conv_module.{pointwise_conv1|depthwise_conv|batch_norm|pointwise_conv2}", "B D T", "B D T", extra_frames=1),
    # P relative positions, the same for every clip.
    Layout(HF_LAYER + "self_attn.linear_pos",             "B P D",          "B P D"),
)
# fmt: on


def matches(facts: Facts) -> bool:
    """Whether the encoder's layers are conformer layers."""
    return facts.has(FIRST + "conv_module.depthwise_conv.weight")


def rows(facts: Facts) -> tuple[Row, ...]:
    """The rules that apply to the layers' tensors."""
    espnet = facts.has(FIRST + "self_attn.linear_q.weight")
    return (
        *ROWS,
        *(ESPNET_ATTENTION if espnet else FAIRSEQ_ATTENTION),
        *(RELATIVE_POSITIONS if facts.has(BIAS) else ()),
        *(_rotary_rows(facts) if facts.has(FREQUENCIES) else ()),
    )


def layouts(facts: Facts, w2v: Mapping[str, Any]) -> tuple[Layout, ...]:
    """How activations lie in the layers' modules on both sides."""
    espnet = facts.has(FIRST + "self_attn.linear_q.weight")
    linear = HF_LAYER + "self_attn.{linear_q|linear_k|linear_v|linear_out}"
    # Before the layers, fairseq's conformer stack normalizes time first.
    time_first = not _norm_first(w2v) and _positions(facts, w2v).value != "convolution"
    return (
        *LAYOUTS,
        Layout(linear, "B T D" if espnet else "T B D", "B T D", extra_frames=1),
        Layout("encoder.encoder.layer_norm", "T B D" if time_first else "B T D", "B T D"),
    )


def config(facts: Facts, w2v: Mapping[str, Any]) -> Iterator[tuple[str, Derived]]:
    """The values of the encoder's configuration that its layers determine."""
    hidden, kernel = FIRST + "ffn1.w_1.weight", FIRST + "conv_module.depthwise_conv.weight"
    swish = "fairseq's conformer layers use swish, whatever activation_fn says"
    yield "intermediate_size", shaped(facts.shape(hidden)[0], hidden)
    yield "hidden_act", hard_coded("swish", swish)
    yield "conv_depthwise_kernel_size", shaped(facts.shape(kernel)[2], kernel)
    yield "conformer_conv_dropout", argued(w2v, "dropout", "w2v_args", 0.0)
    yield "position_embeddings_type", _positions(facts, w2v)
    yield "rotary_embedding_base", hard_coded(10000, "fairseq's RotaryPositionalEmbedding")
    longest = argued(w2v, "max_positions", "w2v_args", 100_000)
    yield (
        "max_source_positions",
        hard_coded(
            min(int(longest.value), MAX_POSITIONS),
            f"{longest.evidence}; longer tables grow on demand",
        ),
    )


def maybe_heads(facts: Facts) -> Derived | None:
    """How many attention heads there are, where the position embeddings tell."""
    if facts.has(BIAS):
        return shaped(facts.shape(BIAS)[0], BIAS)
    if facts.has(FREQUENCIES):
        size = facts.shape(FIRST + "self_attn_layer_norm.weight")[0]
        return shaped(size // (2 * facts.shape(FREQUENCIES)[0]), FREQUENCIES)
    return None


def unpaired(facts: Facts, w2v: Mapping[str, Any]) -> tuple[str, ...]:
    """Target tensors that no pair of modules has in common."""
    # With relative or rotary positions, neither side applies the convolution that it holds.
    idle = _positions(facts, w2v).value != "convolution"
    names = ("bias", "parametrizations.weight.original0", "parametrizations.weight.original1")
    convolution = tuple(f"{HF_POS_CONV}conv.{name}" for name in names)
    # fairseq keeps the frequencies in every layer, transformers once.
    return (HF_FREQUENCIES, *(convolution if idle else ()))


def lacks(facts: Facts, w2v: Mapping[str, Any]) -> Iterator[Lack]:
    """What the layers have and no stock class can express."""
    if _positions(facts, w2v).value == "convolution":
        yield Lack(
            name="w2v_args.pos_enc_type",
            because="it applies its positional convolution, Wav2Vec2Conformer does not",
            module="encoder.encoder",
            explains=("encoder.position_embeddings_type",),
        )
    if not _norm_first(w2v):
        yield Lack(
            name="w2v_args.layer_norm_first",
            because="it normalizes before its first layer, Wav2Vec2Conformer after its last",
            module="encoder.encoder",
            hypothesis="norm_order",
        )


def reference_arguments(facts: Facts, value: Mapping[str, Any]) -> dict[str, Any]:
    """Fairseq's arguments of the layers, from the encoder's configuration."""
    kinds = {"relative": "rel_pos", "rotary": "rope", "convolution": "abs", None: "rope"}
    return {
        "layer_type": "conformer",
        "pos_enc_type": kinds[value["position_embeddings_type"]],
        "attn_type": "espnet" if facts.has(FIRST + "self_attn.linear_q.weight") else "",
        "depthwise_conv_kernel_size": value["conv_depthwise_kernel_size"],
        "max_positions": value["max_source_positions"],
        "fp16": False,
    }


def _norm_first(w2v: Mapping[str, Any]) -> bool:
    return bool(w2v.get("layer_norm_first", True))


def _rotary_rows(facts: Facts) -> Iterator[Row]:
    yield Rule(FREQUENCIES, HF_FREQUENCIES)
    for layer in range(1, facts.count(W2V + "encoder.layers.")):
        name = f"{W2V}encoder.layers.{layer}.self_attn.rotary_emb.inv_freq"
        yield Drop(name, "every layer holds the same frequencies; transformers keeps the first's")


def _positions(facts: Facts, w2v: Mapping[str, Any]) -> Derived:
    if facts.has(BIAS):
        return present("relative", BIAS)
    if facts.has(FREQUENCIES):
        return present("rotary", FREQUENCIES)
    kind = argued(w2v, "pos_enc_type", "w2v_args", "abs")
    return Derived(value="convolution" if kind.value == "abs" else None, evidence=kind.evidence)
