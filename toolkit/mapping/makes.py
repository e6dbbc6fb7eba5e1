"""Rows of a mapping file that make the family's tensors of a fork's, and what is known of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from toolkit.checkpoint.recipes import Recipe
from toolkit.mapping.patterns import fill, match
from toolkit.mapping.problems import shown
from toolkit.mapping.sections import SLOT

Held = Literal["code", "weights", "nothing"]
"""What inferred rows were held against: the fork's own code, known weights, or neither."""


@dataclass(frozen=True, kw_only=True)
class Make:
    """One kind of the family's tensors is made of one kind of the fork's."""

    sources: tuple[str, ...]
    """Patterns of whole names in the file, all with the same slots in the same order."""
    targets: tuple[str, ...]
    """Patterns of the family's names."""
    axes: tuple[int, int] | None = None
    order: tuple[int, ...] = ()
    """As of `toolkit.checkpoint.recipes.Recipe`."""
    origin: str = ""

    def recipes(self, names: Iterable[str]) -> Iterator[Recipe]:
        """What is done with each of the tensors that the first pattern is for.

        Args:
            names: All tensors of the file.
        """
        for name in names:
            slots = match(self.sources[0], name)
            if slots is not None:
                yield Recipe(
                    sources=tuple(fill(pattern, slots) for pattern in self.sources),
                    targets=tuple(fill(pattern, slots) for pattern in self.targets),
                    axes=self.axes,
                    order=self.order,
                    origin=self.origin,
                )


@dataclass(frozen=True, kw_only=True)
class Inferred:
    """What is said of rows that nobody has written by hand."""

    held: Held
    because: str
    checkpoint: str
    """sha256 of the file that they were inferred for."""
    rows: str
    """Seal of the rows; see `seal`."""


def make_row(
    sources: Sequence[str],
    targets: Sequence[str],
    axes: tuple[int, int] | None,
    order: tuple[int, ...],
    origin: str,
) -> Make:
    """A row whose patterns go together.

    Raises:
        ValueError: they do not; worded to stand alone.
    """
    expected = SLOT.findall(sources[0])
    for pattern in (*sources, *targets):
        if SLOT.findall(pattern) != expected:
            raise ValueError(
                f"`from` and `to` must have the same slots in the same order, as their values are "
                f"carried over, but are `{shown(sources[0])}` and `{shown(pattern)}`"
            )
    if sorted(order) != list(range(len(order))):
        raise ValueError(
            f"`order` must have each number from 0 to {len(order) - 1} once, but is {list(order)}"
        )
    return Make(
        sources=tuple(sources), targets=tuple(targets), axes=axes, order=order, origin=origin
    )


def seal(
    makes: Iterable[Make], renames: Iterable[tuple[str, str]], architecture: str | None
) -> str:
    """A digest of what says which tensor is which, the same in any order and form of a file.

    Args:
        makes: The rows of `make`.
        renames: The names that `rename` exchanges, each with the new one.
        architecture: The name of fairseq's model.
    """
    rows = sorted([row.sources, row.targets, row.axes or (), row.order] for row in makes)
    return hashlib.sha256(json.dumps([rows, sorted(renames), architecture]).encode()).hexdigest()
