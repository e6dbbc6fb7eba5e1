"""A checkpoint that tells another file format than it has, or none: what exporters get wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.checkpoint.reader import Checkpoint
from toolkit.checkpoint.recipes import Recipe, Shape
from toolkit.checkpoint.remade import remake_tensors

if TYPE_CHECKING:
    from torch import Tensor


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
