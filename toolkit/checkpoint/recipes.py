"""How tensors of a model are made of those of a file: joined, cut, put in another order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Sources are transposed, joined along their first axis, put in order, and cut into targets."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    """Equal parts of what is joined, by name."""
    axes: tuple[int, int] | None = None
    """Two axes of each source that change places first."""
    order: tuple[int, ...] = ()
    """What is joined has as many equal parts: at place k comes the part `order[k]`."""
    origin: str = ""
    """Who says so, in words that an error can show."""

    @property
    def is_rename(self) -> bool:
        """Whether the one target is the one source."""
        single = len(self.sources) == len(self.targets) == 1
        return single and self.axes is None and not self.order

    @property
    def is_read_otherwise(self) -> bool:
        """Whether fairseq itself makes the targets, of the sources, when it loads them."""
        return False

    def shape(self, sources: Sequence[Shape]) -> Shape:
        """The shape of each target.

        Raises:
            ValueError: the sources cannot be joined, or not be cut; worded to follow the recipe.
        """
        if self.is_rename:  # of a single number, too
            return sources[0]
        shapes = [_transposed(shape, self.axes) for shape in sources]
        if any(not one or one[1:] != other[1:] for one, other in pairwise([*shapes, shapes[0]])):
            raise ValueError(f"joins tensors of shapes {', '.join(map(str, shapes))}")
        rows = sum(shape[0] for shape in shapes)
        for parts in (len(self.order) or 1, len(self.targets)):
            if rows % parts:
                raise ValueError(f"cuts {rows} rows into {parts} equal parts")
        return (rows // len(self.targets), *shapes[0][1:])

    def make(self, sources: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The targets, views where nothing is joined or reordered."""
        import torch

        if self.is_rename:
            return (sources[0],)
        given = [s if self.axes is None else s.transpose(*self.axes) for s in sources]
        joined = given[0] if len(given) == 1 else torch.cat(given)
        if self.order:
            parts = joined.chunk(len(self.order))
            joined = torch.cat([parts[place] for place in self.order])
        return joined.chunk(len(self.targets))

    def undo(self, targets: Sequence[Tensor], rows: Sequence[int]) -> tuple[Tensor, ...]:
        """The sources again.

        Args:
            targets: What was made of them.
            rows: The size of each source along the axis that was joined.
        """
        import torch

        joined = torch.cat(list(targets))
        if self.order:
            parts, places = joined.chunk(len(self.order)), range(len(self.order))
            joined = torch.cat([parts[self.order.index(place)] for place in places])
        starts = [sum(rows[:place]) for place in range(len(rows))]
        cut = (joined.narrow(0, at, size) for at, size in zip(starts, rows, strict=True))
        return tuple(s if self.axes is None else s.transpose(*self.axes) for s in cut)


def _transposed(shape: Shape, axes: tuple[int, int] | None) -> Shape:
    if axes is None:
        return shape
    if max(axes) >= len(shape):
        raise ValueError(f"exchanges axes {axes[0]} and {axes[1]} of a tensor of shape {shape}")
    sizes = list(shape)
    sizes[axes[0]], sizes[axes[1]] = sizes[axes[1]], sizes[axes[0]]
    return tuple(sizes)
