"""Mends that take from a right folder what a script left out, and leave the rest as it made it.

Beside each folder that is mended lies `right`: the conversion of the same checkpoint.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from tests.breaking import WEIGHTS, Break, Tensors, edit_tensors

RIGHT = "right"
CONFIG = "config.json"
SEARCH, ENDS = "generation_config.json", "forced_eos_token_id"
PICKLED = "pytorch_model.bin"
"""What releases before 4.35 call the weights that they save."""
SPELLING = ("*token*.json", "vocab*", "merges*", "special_tokens_map.json")


def edit_weights(folder: Path, edit: Callable[[Tensors], object]) -> None:
    """Edits the weights of a folder in the file that they were saved in."""
    if (folder / WEIGHTS).exists():
        edit_tensors(folder, edit)
        return
    tensors = torch.load(folder / PICKLED)
    edit(tensors)
    torch.save(tensors, folder / PICKLED)


def weights_of(*words: str) -> Break:
    """Replaces the tensors in whose names one of the words is by those of the right folder."""

    def mend(folder: Path) -> None:
        right = load_file(folder.parent / RIGHT / WEIGHTS)

        def edit(tensors: Tensors) -> None:
            for name in (n for n in [*tensors] if any(word in n for word in words)):
                del tensors[name]
            tensors.update({n: t for n, t in right.items() if any(word in n for word in words)})

        edit_weights(folder, edit)

    return mend


def key_of(name: str) -> Break:
    """Gives a key of `config.json` the value that it has in the right folder."""

    def mend(folder: Path) -> None:
        own = _read(folder / CONFIG)
        _write(folder / CONFIG, {**own, name: _read(folder.parent / RIGHT / CONFIG)[name]})

    return mend


def files_of(*patterns: str) -> Break:
    """Replaces files by those of the right folder, whether one, the other or both have them."""

    def mend(folder: Path) -> None:
        for pattern in patterns:
            for file in folder.glob(pattern):
                file.unlink()
            for file in (folder.parent / RIGHT).glob(pattern):
                shutil.copy(file, folder)

    return mend


def decoder(folder: Path) -> None:
    """Replaces a decoder by one of a stock class; what was said of the encoder stays."""
    weights_of("decoder.", "enc_to_dec_proj.")(folder)
    own, said = _read(folder / CONFIG), _read(folder.parent / RIGHT / CONFIG)
    _write(folder / CONFIG, {**said, "encoder": own["encoder"]})


def search(folder: Path) -> None:
    """Replaces the settings of a search, but for the end that is forced."""
    own, said = _read(folder / SEARCH), _read(folder.parent / RIGHT / SEARCH)
    said.pop(ENDS)
    _write(folder / SEARCH, {**said, **({ENDS: own[ENDS]} if ENDS in own else {})})


def _read(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values


def _write(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values), encoding="utf-8")
