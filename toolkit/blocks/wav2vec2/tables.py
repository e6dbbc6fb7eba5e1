"""Rules and layouts of a wav2vec 2.0 encoder, by names without the prefixes of its place."""

from __future__ import annotations

from collections.abc import Mapping

from toolkit.blocks.evidence import Derived
from toolkit.blocks.tree import number
from toolkit.blocks.wav2vec2 import adapters, gates
from toolkit.blocks.wav2vec2.classes import ALWAYS_MASKABLE, DATA2VEC, takes_layers
from toolkit.blocks.wav2vec2.trunk import CONV, POS_CONV, Trunk
from toolkit.mapping import Drop, Fill, Identity, Row, Rule, SplitWeightNorm, Zeros
from toolkit.mapping.patterns import match
from toolkit.replay.pairs import Layout

HF_CONV = "feature_extractor.conv_layers."
HF_POS_CONV = "encoder.pos_conv_embed."

# fmt: off
ROWS: tuple[Row, ...] = (
    Rule(CONV + "{i}.0.{weight|bias}",                    HF_CONV + "{i}.conv.{weight|bias}"),
    Rule("layer_norm.{weight|bias}",                      "feature_projection.layer_norm.{weight|bias}"),
    Rule("encoder.layer_norm.{weight|bias}",              "encoder.layer_norm.{weight|bias}"),
)
TRANSFORMER_LAYERS: tuple[Row, ...] = (
    Rule("encoder.layers.{i}.self_attn.{q_proj|k_proj|v_proj|out_proj}.{weight|bias}",
         "encoder.layers.{i}.attention.{q_proj|k_proj|v_proj|out_proj}.{weight|bias}"),
    Rule("encoder.layers.{i}.self_attn_layer_norm.{weight|bias}",
         "encoder.layers.{i}.layer_norm.{weight|bias}"),
    Rule("encoder.layers.{i}.fc1.{weight|bias}",
         "encoder.layers.{i}.feed_forward.intermediate_dense.{weight|bias}"),
    Rule("encoder.layers.{i}.fc2.{weight|bias}",
         "encoder.layers.{i}.feed_forward.output_dense.{weight|bias}"),
    Rule("encoder.layers.{i}.final_layer_norm.{weight|bias}",
         "encoder.layers.{i}.final_layer_norm.{weight|bias}"),
)
LAYER_NORM_EXTRACTOR: tuple[Row, ...] = (
    # A norm after every convolution, between two transpositions.
    Rule(CONV + "{i}.2.1.{weight|bias}",                  HF_CONV + "{i}.layer_norm.{weight|bias}"),
)
GROUP_NORM_EXTRACTOR: tuple[Row, ...] = (
    # One group norm, after the first convolution.
    Rule(CONV + "0.2.{weight|bias}",                      HF_CONV + "0.layer_norm.{weight|bias}"),
)
PROJECTION: tuple[Row, ...] = (
    Rule("post_extract_proj.{weight|bias}",               "feature_projection.projection.{weight|bias}"),
)
NO_PROJECTION: tuple[Row, ...] = (
    # fairseq projects only where the widths differ; Wav2Vec2FeatureProjection always does (tf#28174).
    Fill("feature_projection.projection.weight",          Identity(), "fairseq has no post_extract_proj where the widths are equal"),
    Fill("feature_projection.projection.bias",            Zeros(),    "fairseq has no post_extract_proj where the widths are equal"),
)
WEIGHT_NORM: tuple[Row, ...] = (
    Rule(POS_CONV + "0.bias",                             HF_POS_CONV + "conv.bias"),
    # torch's weight_g and weight_v under the names that its parametrizations use (tf#31633).
    Rule(POS_CONV + "0.weight_g",                         HF_POS_CONV + "conv.parametrizations.weight.original0"),
    Rule(POS_CONV + "0.weight_v",                         HF_POS_CONV + "conv.parametrizations.weight.original1"),
)
WEIGHT_NORM_REMOVED: tuple[Row, ...] = (
    Rule(POS_CONV + "0.bias",                             HF_POS_CONV + "conv.bias"),
    Rule(POS_CONV + "0.weight",
         (HF_POS_CONV + "conv.parametrizations.weight.original0", HF_POS_CONV + "conv.parametrizations.weight.original1"),
         SplitWeightNorm()),
)
BATCH_NORM: tuple[Row, ...] = (
    # It replaces the weight norm, and comes first.
    Rule(POS_CONV + "0.{weight|bias|running_mean|running_var|num_batches_tracked}",
         HF_POS_CONV + "batch_norm.{weight|bias|running_mean|running_var|num_batches_tracked}"),
    Rule(POS_CONV + "1.{weight|bias}",                    HF_POS_CONV + "conv.{weight|bias}"),
)
STACKED_POSITIONS: tuple[Row, ...] = (
    Rule(POS_CONV + "{i}.0.{weight|bias}",                HF_POS_CONV + "layers.{i}.{weight|bias}"),
)
DATA2VEC_POSITIONS: tuple[Row, ...] = (
    Rule(POS_CONV + "{i}.0.{weight|bias}",                HF_POS_CONV + "layers.{i}.conv.{weight|bias}"),
)
MASK_EMBEDDING: tuple[Row, ...] = (
    Rule("mask_emb",                                      "masked_spec_embed"),
)
LOST_MASK_EMBEDDING: tuple[Row, ...] = (
    Fill("masked_spec_embed", Zeros(), "the checkpoint lost it, and only training reads it, for masked frames"),
)
NO_MASK_EMBEDDING: tuple[Row, ...] = (
    Drop("mask_emb", "it stands for masked frames in training, and the checkpoint masks none"),
)
PRETRAINING_LEFTOVERS: tuple[Drop, ...] = (
    Drop("quantizer.{vars|weight_proj.weight|weight_proj.bias}", "the quantizer serves pretraining only"),
    Drop("project_q.{weight|bias}",                       "the quantizer's projection serves pretraining only"),
    Drop("final_proj.{weight|bias}",                      "the projection onto the targets serves pretraining only"),
    Drop("final_proj.{i}.{weight|bias}",                  "the projection onto the targets serves pretraining only"),
    Drop("target_glu.0.{weight|bias}",                    "the contrastive head serves pretraining only"),
    Drop("label_embs_concat",                             "the embeddings of pretraining's targets serve that only"),
)

LAYOUTS = (
    # fairseq keeps activations time first inside its stacks, batch first around them.
    Layout("feature_extractor",                           "B L -> B D T",   "B L -> B D T"),
    Layout(HF_CONV + "{i}",                               "B D T",          "B D T"),
    Layout(HF_CONV + "{i}.conv",                          "B D T",          "B D T"),
    Layout("feature_projection.{layer_norm|projection}",  "B T D",          "B T D"),
    Layout("encoder",                                     "B T D",          "B T D"),
    Layout("encoder.pos_conv_embed",                      "B D T",          "B T D"),
    Layout("encoder.pos_conv_embed.{conv|batch_norm}",    "B D T",          "B D T"),
    Layout("encoder.pos_conv_embed.layers.{i}",           "B D T",          "B D T"),
    Layout("encoder.pos_conv_embed.layers.{i}.conv",      "B D T",          "B D T"),
)
TRANSFORMER_LAYOUTS = (
    Layout("encoder.layer_norm",                          "B T D",          "B T D"),
    # An odd number of frames is made even before the layers, and odd again after them.
    Layout("encoder.layers.{i}",                          "T B D",          "B T D", extra_frames=1),
    Layout("encoder.layers.{i}.attention",                "T B D",          "B T D", extra_frames=1),
    Layout("encoder.layers.{i}.adapter_layer",            "T B D",          "B T D", extra_frames=1),
    Layout("encoder.layers.{i}.attention.{q_proj|k_proj|v_proj|out_proj}", "T B D", "B T D", extra_frames=1),
    Layout("encoder.layers.{i}.{layer_norm|final_layer_norm}",             "T B D", "B T D", extra_frames=1),
    Layout("encoder.layers.{i}.feed_forward.{intermediate_dense|output_dense}", "T B D", "B T D", extra_frames=1),
)
# fmt: on


def rows(trunk: Trunk, values: Mapping[str, Derived]) -> tuple[Row, ...]:
    """The rules that apply to the encoder's tensors, with whole names.

    Args:
        trunk: The encoder.
        values: Its configuration, `model_type` included.
    """
    facts = trunk.facts
    own = trunk.place.rows(
        (
            *(LAYER_NORM_EXTRACTOR if trunk.extractor_norm == "layer" else GROUP_NORM_EXTRACTOR),
            *ROWS,
            *(_layer_rows(trunk) if takes_layers(trunk, values["model_type"].value) else ()),
            *(PROJECTION if facts.has("post_extract_proj.weight") else NO_PROJECTION),
            *gates.rows(trunk, values["model_type"].value),
            *_positional_rows(trunk, values["model_type"].value),
            *_mask_rows(trunk, values),
            *(() if trunk.keeps_heads else _leftover_rows(trunk)),
        )
    )
    return (*own, *adapters.rows(trunk))


def layouts(trunk: Trunk) -> tuple[Layout, ...]:
    """How activations lie in the encoder's modules on both sides, with whole paths."""
    axes = "B T D" if trunk.extractor_norm == "layer" else "B D T"
    conformer = trunk.maybe_conformer
    layers = TRANSFORMER_LAYOUTS if conformer is None else conformer.layouts()
    gated = gates.LAYOUTS if gates.has_gates(trunk) else ()
    return trunk.place.layouts(
        (*LAYOUTS, *gated, *layers, Layout(HF_CONV + "{i}.layer_norm", axes, axes))
    )


def unpaired(trunk: Trunk) -> tuple[str, ...]:
    """Target tensors that no pair of modules has in common, with whole names."""
    conformer = trunk.maybe_conformer
    names = (
        "masked_spec_embed",
        *gates.unpaired(trunk),
        *(() if conformer is None else conformer.unpaired()),
    )
    return tuple(map(trunk.place.module, names))


def _layer_rows(trunk: Trunk) -> tuple[Row, ...]:
    conformer = trunk.maybe_conformer
    return TRANSFORMER_LAYERS if conformer is None else conformer.rows()


def _mask_rows(trunk: Trunk, values: Mapping[str, Derived]) -> tuple[Row, ...]:
    keys = ("mask_time_prob", "mask_feature_prob")
    always = values["model_type"].value in ALWAYS_MASKABLE
    masks = always or any(number(values, key, trunk.place.part) > 0 for key in keys)
    if not trunk.facts.has("mask_emb"):
        return LOST_MASK_EMBEDDING if masks else ()
    return MASK_EMBEDDING if masks else NO_MASK_EMBEDDING


def _leftover_rows(trunk: Trunk) -> tuple[Row, ...]:
    names = trunk.facts.names
    return tuple(
        row
        for row in PRETRAINING_LEFTOVERS
        if any(match(row.source, name) is not None for name in names)
    )


def _positional_rows(trunk: Trunk, kind: str) -> tuple[Row, ...]:
    if trunk.has_stacked_positions:
        return DATA2VEC_POSITIONS if kind == DATA2VEC else STACKED_POSITIONS
    if trunk.has_batch_normed_positions:
        return BATCH_NORM
    return WEIGHT_NORM if trunk.facts.has(POS_CONV + "0.weight_g") else WEIGHT_NORM_REMOVED
