"""A checkpoint that tells another file format than it has, or none: what exporters get wrong."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.checkpoint.reader import Checkpoint
from toolkit.checkpoint.recipes import Recipe, Shape
from toolkit.checkpoint.remade import remake_tensors
from toolkit.core.coverage import Reason
from toolkit.core.formats import SinceFormat
from toolkit.core.positional import read_at

if TYPE_CHECKING:
    from torch import Tensor


_NUMBERS = {"float16": "<e", "float32": "<f", "float64": "<d"}


def left_out(checkpoint: Checkpoint, formats: Iterable[SinceFormat]) -> Iterator[Reason]:
    """The modules that fairseq leaves out of its model, for what the file says of its format.

    Args:
        checkpoint: The file, which has their tensors all the same.
        formats: Modules of later formats.
    """
    for since in formats:
        told = _maybe_number(checkpoint, since.marker)
        if told is None or told < since.first:
            found = "is missing" if told is None else f"is {told:g}"
            yield Reason(
                name=since.module,
                because="assumed to be part of the model, as its tensors are there; "
                f"`{since.marker}` {found}, where {since.first} or more is expected, so that "
                "fairseq itself leaves it out",
            )


def _maybe_number(checkpoint: Checkpoint, marker: str) -> float | None:
    """The first value of a tensor, read without torch where it can be; None where it has none."""
    spec = checkpoint.tensors.get(marker)
    if spec is None or 0 in spec.shape:
        return None
    kind = _NUMBERS.get(checkpoint.stored_dtype(marker))
    if kind is None:
        return float(checkpoint.load(marker).flatten()[0])
    lying, (name,) = checkpoint.lying((marker,))
    with lying.opened() as file:
        found = read_at(file, struct.calcsize(kind), lying.location(name).offset_bytes)
    return float(struct.unpack(kind, found)[0])


def tell_format(checkpoint: Checkpoint, *, marker: str, number: int | None) -> Checkpoint:
    """The checkpoint with another number of its format.

    Args:
        checkpoint: What to change; the file stays as it is.
        marker: The tensor that holds the number.
        number: What it holds instead; None for no such tensor.

    Raises:
        BadInput: there is no such tensor.
    """
    targets = () if number is None else (marker,)
    return remake_tensors(checkpoint, [_Told(sources=(marker,), targets=targets, number=number)])


@dataclass(frozen=True, kw_only=True)
class _Told(Recipe):
    """A number becomes another one, or nothing."""

    number: int | None

    @property
    def is_rename(self) -> bool:
        return False

    def shape(self, sources: Sequence[Shape]) -> Shape:
        return sources[0]

    def make(self, sources: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return tuple(source.new_full(source.shape, self.number or 0) for source in sources)
