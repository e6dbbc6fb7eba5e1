"""fairseq's arguments of a wav2vec 2.0 encoder: made where they were lost, checked where found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from toolkit.blocks.activations import ACTIVATIONS
from toolkit.blocks.arguments import parse_conv_layers
from toolkit.blocks.evidence import Derived
from toolkit.blocks.wav2vec2.trunk import Trunk
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonDict, JsonObject

MODES = {"layer": "layer_norm", "group": "default"}
"""fairseq's `extractor_mode` by the norm of the extractor."""


def reference_arguments(
    trunk: Trunk, values: Mapping[str, Derived], *, normalize: bool
) -> JsonDict:
    """The arguments of an encoder whose own were lost, from its configuration.

    Args:
        trunk: The encoder.
        values: Its configuration.
        normalize: Whether its audio is standardized.

    Raises:
        BadInput: the user supplied a value that fairseq cannot have.
    """
    value = {key: derived.value for key, derived in values.items()}
    _check_supplied(value)
    conformer = trunk.maybe_conformer
    return {
        "_name": "wav2vec2",
        "arch": "wav2vec2",
        "task": "audio_pretraining",
        "data": ".",
        "normalize": normalize,
        **extractor_arguments(value),
        **layer_arguments(value),
        **_positions(trunk, value),
        "quantize_targets": True,
        **({} if conformer is None else conformer.reference_arguments(value)),
    }


def check_pretrained(trunk: Trunk, path: Path | None) -> None:
    """Makes sure that arguments of another file describe the encoder that is there.

    Args:
        trunk: The encoder, with those arguments.
        path: The file; None where the arguments are the checkpoint's own.

    Raises:
        BadInput: they describe another one; all contradictions at once.
    """
    if path is None:
        return
    differing = [
        f"`{name}` is {said!r} there, but {found!r} in the tensors"
        for name, said, found in _claims(trunk)
        if said != found
    ]
    if differing:
        raise BadInput(
            f"`{path}` must be the checkpoint that this encoder was trained from, but "
            f"is that of another one: {'; '.join(differing)}. Name the right file with `--w2v`."
        )


def extractor_arguments(value: JsonObject) -> JsonDict:
    """The arguments of an extractor, from its configuration."""
    convs = list(zip(value["conv_dim"], value["conv_kernel"], value["conv_stride"], strict=True))
    return {
        "extractor_mode": MODES[
            "layer" if value.get("feat_extract_norm", "layer") == "layer" else "group"
        ],
        "conv_feature_layers": str(convs),
        "conv_bias": value["conv_bias"],
    }


def layer_arguments(value: JsonObject) -> JsonDict:
    """The arguments of an encoder's layers, from their configuration."""
    functions = {name: fairseq_name for fairseq_name, name in ACTIVATIONS.items()}
    return {
        "encoder_embed_dim": value["hidden_size"],
        "encoder_layers": value["num_hidden_layers"],
        "encoder_ffn_embed_dim": value["intermediate_size"],
        "encoder_attention_heads": value["num_attention_heads"],
        "activation_fn": functions.get(value["hidden_act"], "gelu"),
        "layer_norm_first": value["do_stable_layer_norm"],
    }


def _positions(trunk: Trunk, value: JsonObject) -> JsonDict:
    depth = trunk.positional_depth.value
    return {
        "conv_pos": value.get("conv_pos_kernel_size", value["num_conv_pos_embeddings"]) * depth,
        "conv_pos_groups": value["num_conv_pos_embedding_groups"],
        "pos_conv_depth": depth,
    }


def _check_supplied(value: JsonObject) -> None:
    is_conformer = "conv_depthwise_kernel_size" in value
    functions = ["swish"] if is_conformer else sorted(set(ACTIVATIONS.values()))
    one_each = "one integer for each of `conv_dim`"
    kernel = value["num_conv_pos_embeddings"]
    for key, expected, fits in (
        ("conv_kernel", one_each, _is_one_each(value["conv_kernel"], value["conv_dim"])),
        ("conv_stride", one_each, _is_one_each(value["conv_stride"], value["conv_dim"])),
        ("hidden_act", f"one of {', '.join(functions)}", value["hidden_act"] in functions),
        ("num_conv_pos_embeddings", "an integer", isinstance(kernel, int)),
    ):
        if not fits:
            raise BadInput(
                f"`{key}` must be {expected}, but is {value[key]!r:.80}. Correct it in "
                "`--encoder-config`."
            )


def _is_one_each(value: Any, layers: object) -> bool:
    integers = isinstance(value, list) and all(type(number) is int for number in value)
    return integers and isinstance(layers, list) and len(value) == len(layers)


def _claims(trunk: Trunk) -> Iterator[tuple[str, object, object]]:
    """What arguments say of shapes, beside what the tensors say."""
    shapes = {
        "encoder_embed_dim": trunk.width,
        "encoder_layers": trunk.layers,
        "extractor_mode": MODES[trunk.extractor_norm],
    }
    if trunk.maybe_hidden is not None:
        shapes["encoder_ffn_embed_dim"] = trunk.facts.shape(trunk.maybe_hidden)[0]
    for name, found in shapes.items():
        if name in trunk.w2v:
            yield name, trunk.w2v[name], found
    layers = parse_conv_layers(str(trunk.w2v["conv_feature_layers"]))
    said = [(width, kernel) for width, kernel, _ in layers]
    found_layers = [(shape[0], shape[2]) for shape in trunk.convolutions]
    yield "conv_feature_layers (width, kernel)", said, found_layers
