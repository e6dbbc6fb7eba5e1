"""The mistakes of the public script `convert_mbart_wav2vec2_seq2seq_original_to_pytorch.py`.

Each is made on a right conversion, as a folder: rules by substring, `strict=False`, configurations
borrowed from a hub model, and one language for everybody.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

Mistake = Callable[[Path], None]


@dataclass(frozen=True, kw_only=True)
class Case:
    name: str
    make: Mistake
    names: str
    """What the first finding must name: a parameter or a configuration key."""
    hypothesis: str


def _tensors(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    file = folder / "model.safetensors"
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file, metadata={"format": "pt"})


def _key(file: str, path: str, value: Any) -> Mistake:
    def make(folder: Path) -> None:
        values = json.loads((folder / file).read_text(encoding="utf-8"))
        *parents, last = path.split(".")
        place = values
        for parent in parents:
            place = place[parent]
        place[last] = value
        (folder / file).write_text(json.dumps(values), encoding="utf-8")

    return make


def random_projection(folder: Path) -> None:
    """`post_extract_proj` missed by the rules, left as initialized (tf#28174)."""

    def change(tensors: dict[str, torch.Tensor]) -> None:
        generator = torch.Generator().manual_seed(1)
        name = "encoder.feature_projection.projection.weight"
        tensors[name] = 0.02 * torch.randn(tensors[name].shape, generator=generator)

    _tensors(folder, change)


def untied_output_dropped(folder: Path) -> None:
    """`strict=False` loses the output layer, and saving writes a random one (tf#48154)."""

    def change(tensors: dict[str, torch.Tensor]) -> None:
        generator = torch.Generator().manual_seed(2)
        shape = tensors["decoder.model.decoder.embed_tokens.weight"].shape
        tensors["decoder.lm_head.weight"] = 0.02 * torch.randn(shape, generator=generator)

    _tensors(folder, change)
    _key("config.json", "decoder.tie_word_embeddings", False)(folder)


def no_encoder_norm(folder: Path) -> None:
    """A substring rule that also catches the final norm writes the first layer's into it."""

    def change(tensors: dict[str, torch.Tensor]) -> None:
        for part in ("weight", "bias"):
            wrong = tensors[f"encoder.encoder.layers.0.layer_norm.{part}"].clone()
            tensors[f"encoder.encoder.layer_norm.{part}"] = wrong

    _tensors(folder, change)


CASES = (
    Case(
        name="a random post_extract_proj",
        make=random_projection,
        names="encoder.feature_projection.projection.weight",
        hypothesis="not_filled",
    ),
    Case(
        name="an output layer lost by strict=False",
        make=untied_output_dropped,
        names="decoder.lm_head.weight",
        hypothesis="tie_broken",
    ),
    Case(
        name="a norm caught by a substring rule",
        make=no_encoder_norm,
        names="encoder.encoder.layer_norm.weight",
        hypothesis="swapped_with",
    ),
    Case(
        name="a borrowed encoder config: post-norm layers",
        make=_key("config.json", "encoder.do_stable_layer_norm", False),
        names="encoder.do_stable_layer_norm",
        hypothesis="norm_order",
    ),
    Case(
        name="a borrowed encoder config: activation",
        make=_key("config.json", "encoder.hidden_act", "relu"),
        names="encoder.hidden_act",
        hypothesis="wrong_activation",
    ),
    Case(
        name="a borrowed decoder config: no embedding scale",
        make=_key("config.json", "decoder.scale_embedding", False),
        names="decoder.scale_embedding",
        hypothesis="missing_scale",
    ),
    Case(
        name="language 250004 for everybody",
        make=_key("generation_config.json", "forced_bos_token_id", 250004),
        names="generation_config.forced_bos_token_id",
        hypothesis="wrong_language",
    ),
    Case(
        name="the length of a hub default",
        make=_key("generation_config.json", "max_length", 20),
        names="generation_config.max_length",
        hypothesis="wrong_value",
    ),
)
