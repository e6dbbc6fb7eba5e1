"""The languages of a model with weights for each: which of them it runs with."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Dict, Mapping, Sequence, Tuple

from torch import Tensor, nn

from toolkit.oracle.tasks.base import LANGUAGES

OPEN, CLOSE = "adapter[", "]."
"""What stands around the language in the names of its tensors, before the model's name."""


@dataclass(frozen=True)
class Voice:
    """One language of a model."""

    symbols: Sequence[str]
    """The rows of its dictionary, without the four that every dictionary begins with."""
    adapter: int
    """Which of the model's adapters it runs with."""
    weights: Mapping[str, Tensor]
    """What takes the place of the model's tensors; nothing where the model has all adapters."""


@dataclass(frozen=True)
class Voices:
    """All languages of a model."""

    each: Tuple[Voice, ...] = ()
    """In their order; none where the model has no weights for any."""
    first: int = 0
    """The number of the one in which it answers before it is told another."""


def read_voices(data_dir: str, state_dict: Mapping[str, Tensor], adapters: int) -> Voices:
    """The languages that a folder's file names.

    Args:
        data_dir: Folder with what fairseq's task reads.
        state_dict: Weights by name, those of languages included.
        adapters: How many adapters each layer of the model has.
    """
    path = os.path.join(data_dir, LANGUAGES)
    if not os.path.exists(path):
        return Voices()
    with open(path, encoding="utf-8") as file:
        said = json.load(file)
    weights = _by_language(state_dict) if adapters == 1 else {}
    each = tuple(
        Voice(
            symbols=symbols,
            adapter=number if adapters > 1 else 0,
            weights=weights.get(language, {}),
        )
        for number, (language, symbols) in enumerate(said["languages"])
    )
    return Voices(each, said["first"])


def of_model(state_dict: Mapping[str, Tensor]) -> Dict[str, Tensor]:
    """The weights that belong to no language."""
    return {name: tensor for name, tensor in state_dict.items() if not name.startswith(OPEN)}


def put_weights(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Puts tensors in the place of a model's, which may have another number of rows.

    As fairseq does before it decodes a language; see `examples/speech_recognition/new/infer.py`.
    """
    for name, tensor in weights.items():
        owner: object = model
        *path, leaf = name.split(".")
        for part in path:
            owner = getattr(owner, part)
        own = getattr(owner, leaf)
        own.data = tensor.to(device=own.device, dtype=own.dtype)


def _by_language(state_dict: Mapping[str, Tensor]) -> Dict[str, Dict[str, Tensor]]:
    found: Dict[str, Dict[str, Tensor]] = {}
    for name, tensor in state_dict.items():
        if name.startswith(OPEN):
            language, _, rest = name[len(OPEN) :].partition(CLOSE)
            found.setdefault(language, {})[rest] = tensor
    return found
