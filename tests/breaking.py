"""Ways to break a folder on purpose, each undoing one thing that a conversion does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from toolkit.replay.target import Target

Tensors = dict[str, Tensor]
Break = Callable[[Path], None]

WEIGHTS = "model.safetensors"


def edit_tensors(folder: Path, edit: Callable[[Tensors], Any]) -> None:
    tensors = load_file(folder / WEIGHTS)
    edit(tensors)
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})


def edit_json(folder: Path, file: str, path: str, edit: Callable[[Any], Any]) -> None:
    content = json.loads((folder / file).read_text(encoding="utf-8"))
    *parents, key = path.split(".")
    inner = content
    for parent in parents:
        inner = inner[parent]
    inner[key] = edit(inner.get(key))
    (folder / file).write_text(json.dumps(content), encoding="utf-8")


def set_key(file: str, path: str, value: Any) -> Break:
    return lambda folder: edit_json(folder, file, path, lambda _: value)


def edit_key(file: str, path: str, edit: Callable[[Any], Any]) -> Break:
    return lambda folder: edit_json(folder, file, path, edit)


def scale(name: str, factor: float = 1.001, index: int = 0) -> Break:
    """One element of a tensor off by a factor."""

    def edit(tensors: Tensors) -> None:
        tensors[name].view(-1)[index] *= factor

    return lambda folder: edit_tensors(folder, edit)


def swap(left: str, right: str) -> Break:
    """Two tensors in each other's place."""

    def edit(tensors: Tensors) -> None:
        tensors[left], tensors[right] = tensors[right], tensors[left]

    return lambda folder: edit_tensors(folder, edit)


def change(name: str, edit: Callable[[Tensor], Tensor]) -> Break:
    """A tensor as `edit` makes it."""
    return lambda folder: edit_tensors(
        folder, lambda tensors: tensors.update({name: edit(tensors[name]).contiguous()})
    )


def remove(*names: str) -> Break:
    return lambda folder: edit_tensors(folder, lambda tensors: [tensors.pop(n) for n in names])


def add(name: str, tensor: Tensor) -> Break:
    return lambda folder: edit_tensors(folder, lambda tensors: tensors.update({name: tensor}))


def swap_rows(first: int, second: int) -> Break:
    """Two rows of the tokenizer's vocabulary in each other's place."""

    def edit(rows: list[Any]) -> list[Any]:
        rows[first], rows[second] = rows[second], rows[first]
        return rows

    return edit_key("tokenizer.json", "model.vocab", edit)


def unmark(tag: str) -> Break:
    """A language tag that decoding would print, as it is no special token any more."""

    def plain(tokens: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**token, "special": token["content"] != tag} for token in tokens]

    def both(folder: Path) -> None:
        edit_json(folder, "tokenizer.json", "added_tokens", plain)
        edit_json(
            folder,
            "tokenizer_config.json",
            "extra_special_tokens",
            lambda tags: [t for t in tags if t != tag],
        )

    return both


@contextmanager
def brief(target: Target, longest: int = 40) -> Iterator[None]:
    """Keeps the searches of a broken model short while the context lasts: it may ramble."""
    generation = target.model.generation_config
    before = generation.max_length
    generation.max_length = min(longest, before)
    try:
        yield
    finally:
        generation.max_length = before
