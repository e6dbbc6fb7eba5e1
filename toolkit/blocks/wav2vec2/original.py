"""The arguments and the rules of an encoder that only its configuration in transformers tells."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from toolkit.blocks.wav2vec2.classes import DATA2VEC
from toolkit.blocks.wav2vec2.config import REGULARIZATION
from toolkit.blocks.wav2vec2.reference import extractor_arguments, layer_arguments
from toolkit.blocks.wav2vec2.tables import (
    BATCH_NORM,
    DATA2VEC_POSITIONS,
    GROUP_NORM_EXTRACTOR,
    LAYER_NORM_EXTRACTOR,
    MASK_EMBEDDING,
    NO_PROJECTION,
    PROJECTION,
    ROWS,
    TRANSFORMER_LAYERS,
    WEIGHT_NORM,
)
from toolkit.core.json import JsonDict, JsonObject
from toolkit.mapping import Row

MASK = "mask_emb"


@dataclass(frozen=True, kw_only=True)
class Lost:
    """A tensor that a folder does without, to be filled with zeros."""

    shape: tuple[int, ...]
    because: str


def encoder_arguments(config: JsonObject) -> JsonDict:
    """The arguments of an encoder as it was pretrained.

    Args:
        config: The configuration of the folder, or of the part of it that is the encoder.
    """
    stacked = config["model_type"] == DATA2VEC
    depth = config["num_conv_pos_embeddings"] if stacked else 1
    kernel = config["conv_pos_kernel_size"] if stacked else config["num_conv_pos_embeddings"]
    # A class of one order has no key for it: it normalizes behind each block.
    order = {"do_stable_layer_norm": False, **config}
    return {
        **extractor_arguments(config),
        **layer_arguments(order),
        "conv_pos": kernel * depth,
        "conv_pos_groups": config["num_conv_pos_embedding_groups"],
        "pos_conv_depth": depth,
        **{own: config[key] for key, _, own, _ in REGULARIZATION if key in config},
        **({"conv_pos_batch_norm": True} if config.get("conv_pos_batch_norm") else {}),
    }


def outer_arguments(config: JsonObject) -> JsonDict:
    """What a fine-tuned model says of its encoder over that one's own arguments."""
    told = {name: config[key] for key, name, _, _ in REGULARIZATION if key in config}
    return {
        **told,
        "final_dropout": config["final_dropout"],
        "apply_mask": config["apply_spec_augment"],
    }


def encoder_rows(config: JsonObject, names: Collection[str]) -> tuple[Row, ...]:
    """The rules of an encoder that is written as fairseq trains it, without prefixes.

    Args:
        config: Its configuration.
        names: Those of its tensors, without prefixes.
    """
    # fairseq's data2vec projects whatever the widths are.
    equal = config["conv_dim"][-1] == config["hidden_size"] and config["model_type"] != DATA2VEC
    by_layer = config.get("feat_extract_norm", "layer") == "layer"
    return (
        *(LAYER_NORM_EXTRACTOR if by_layer else GROUP_NORM_EXTRACTOR),
        *ROWS,
        *TRANSFORMER_LAYERS,
        *(NO_PROJECTION if equal else PROJECTION),
        *_positions(config),
        *(MASK_EMBEDDING if "masked_spec_embed" in names else ()),
    )


def lost_tensors(config: JsonObject, names: Collection[str]) -> dict[str, Lost]:
    """What fairseq's encoder has and the folder does without, by fairseq's names.

    Args:
        config: The encoder's configuration.
        names: Those of its tensors, without prefixes.
    """
    if "masked_spec_embed" in names:
        return {}
    because = "zeros: it stands for masked frames in training, and the folder masks none"
    return {MASK: Lost(shape=(config["hidden_size"],), because=because)}


def _positions(config: JsonObject) -> tuple[Row, ...]:
    if config["model_type"] == DATA2VEC:
        return DATA2VEC_POSITIONS
    return BATCH_NORM if config.get("conv_pos_batch_norm") else WEIGHT_NORM
