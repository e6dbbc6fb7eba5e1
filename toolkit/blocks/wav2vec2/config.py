"""The configuration of a wav2vec 2.0 encoder, from its tensors first and its arguments second."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from toolkit.blocks.conformer import NORMS
from toolkit.blocks.evidence import Derived, argued, hard_coded
from toolkit.blocks.wav2vec2 import adapters, gates
from toolkit.blocks.wav2vec2.assumptions import heads, hidden_activation, layer_norm_first, strides
from toolkit.blocks.wav2vec2.classes import DATA2VEC, ONE_ORDER, is_hubert, takes_layers
from toolkit.blocks.wav2vec2.trunk import CONV, HIDDEN, LAST_NORM, LAYERS, POS_CONV, Trunk

REGULARIZATION = (
    ("hidden_dropout", "dropout", "dropout", 0.0),
    ("activation_dropout", "activation_dropout", "activation_dropout", 0.0),
    ("attention_dropout", "attention_dropout", "attention_dropout", 0.0),
    ("feat_proj_dropout", "dropout_input", "dropout_input", 0.0),
    ("layerdrop", "layerdrop", "encoder_layerdrop", 0.0),
    ("mask_time_prob", "mask_prob", "mask_prob", 0.5),
    ("mask_time_length", "mask_length", "mask_length", 10),
    ("mask_feature_prob", "mask_channel_prob", "mask_channel_prob", 0.5),
    ("mask_feature_length", "mask_channel_length", "mask_channel_length", 10),
)
"""Key, argument of the model around the encoder, argument of the encoder, fairseq's default."""


def config(
    trunk: Trunk, kind: str, supplied: Collection[str] = ()
) -> Iterator[tuple[str, Derived]]:
    """The values of the encoder's configuration but for `model_type`.

    Args:
        trunk: The encoder.
        kind: Model type of the class, the carried or a stock one.
        supplied: Keys that the user gives and that are not read off.
    """
    facts = trunk.facts
    yield "hidden_size", facts.shaped(trunk.width, LAST_NORM)
    yield "num_hidden_layers", facts.counted(trunk.layers, LAYERS + "{i}")
    yield "num_attention_heads", heads(trunk)
    yield from _layers(trunk, kind)
    yield from gates.config(trunk, kind)
    yield from _extractor(trunk, kind, supplied)
    yield from _positional_convolution(trunk, kind)
    if is_hubert(trunk, kind):
        yield from _of_hubert(trunk)
    yield NORMS, replace(layer_norm_first(trunk), is_written=kind not in ONE_ORDER)
    yield "layer_norm_eps", hard_coded(1e-5, "fairseq's LayerNorm")
    yield from adapters.config(trunk)
    yield from _regularization(trunk)


def _layers(trunk: Trunk, kind: str) -> Iterator[tuple[str, Derived]]:
    facts, conformer, fits = trunk.facts, trunk.maybe_conformer, takes_layers(trunk, kind)
    if conformer is None or not fits:
        hidden = trunk.maybe_hidden or HIDDEN[0]
        yield "intermediate_size", facts.shaped(facts.shape(hidden)[0], hidden)
    if fits and conformer is not None:
        yield from conformer.config()
    elif fits:
        yield "hidden_act", hidden_activation(trunk)


def _extractor(trunk: Trunk, kind: str, supplied: Collection[str]) -> Iterator[tuple[str, Derived]]:
    facts, convolutions = trunk.facts, trunk.convolutions
    weights, bias = CONV + "{i}.0.weight", CONV + "0.0.bias"
    yield "conv_dim", facts.shaped([shape[0] for shape in convolutions], weights)
    yield "conv_kernel", facts.shaped([shape[2] for shape in convolutions], weights)
    if "conv_stride" not in supplied:
        yield "conv_stride", strides(trunk)
    yield "conv_bias", facts.present(facts.has(bias), bias)
    if kind != DATA2VEC:
        yield "feat_extract_norm", facts.present(trunk.extractor_norm, CONV + "0.2.1.weight")
    gelu = "fairseq's ConvFeatureExtractionModel and make_conv_pos use GELU"
    yield "feat_extract_activation", hard_coded("gelu", gelu)


def _positional_convolution(trunk: Trunk, kind: str) -> Iterator[tuple[str, Derived]]:
    facts = trunk.facts
    names = (POS_CONV + suffix for suffix in ("0.weight_v", "1.weight", "0.weight", "0.0.weight"))
    name = next((name for name in names if facts.has(name)), None)
    if name is not None:
        _, per_group, kernel = facts.shape(name)
        if kind == DATA2VEC:
            yield "num_conv_pos_embeddings", trunk.positional_depth
            yield "conv_pos_kernel_size", facts.shaped(kernel, name)
        else:
            yield "num_conv_pos_embeddings", facts.shaped(kernel, name)
        yield "num_conv_pos_embedding_groups", facts.shaped(trunk.width // per_group, name)


def _of_hubert(trunk: Trunk) -> Iterator[tuple[str, Derived]]:
    normed, norm = trunk.has_batch_normed_positions, POS_CONV + "0.running_mean"
    yield "conv_pos_batch_norm", trunk.facts.present(normed, norm)
    because = "fairseq's HubertModel normalizes before it projects"
    yield "feat_proj_layer_norm", hard_coded(True, because)


def _regularization(trunk: Trunk) -> Iterator[tuple[str, Derived]]:
    for key, name, own_name, default in REGULARIZATION:
        # fairseq builds the encoder from its own arguments where it has them.
        if own_name in trunk.w2v and not (trunk.around_first and name in trunk.around):
            yield key, trunk.argued(own_name)
        else:
            yield key, argued(trunk.around, name, "args", default)
    yield "final_dropout", argued(trunk.around, "final_dropout", "args", 0.0)
    yield "apply_spec_augment", argued(trunk.around, "apply_mask", "args", False)
