"""How data passes within the layers of a stack, as lines beside its rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from toolkit.core.pictures import Edge

Segment = Literal["", "start", "through", "end", "joint"]
ENTRY = ""
"""The row above the first, where the layer before comes in."""


@dataclass(frozen=True, kw_only=True)
class Rails:
    """The lines of one stack, those of the layer in which most is known."""

    segments: Mapping[str, tuple[Segment, ...]]
    """By row, one segment a lane: what is added again further down."""
    sources: Mapping[str, tuple[str, ...]]
    """By row, the modules outside of the stack that it takes something from."""


def lay_rails(stack: str, rows: Sequence[str], edges: Sequence[Edge]) -> Rails:
    """The rails of a stack.

    Args:
        stack: Its path; that of a layer has a number behind it.
        rows: The names of its rows, first to last.
        edges: How data passes between all modules.
    """
    layers: dict[str, list[Edge]] = defaultdict(list)
    for edge in edges:
        if edge.taker.startswith(f"{stack}."):
            layers[_layer(stack, edge.taker)].append(edge)
    inside = max(layers.items(), key=lambda item: len(item[1]), default=("", []))
    shown = _Layer(path=inside[0], stack=stack, rows=[ENTRY, *rows], edges=inside[1])
    return Rails(segments=_segments(shown.rows, list(shown.arcs())), sources=shown.sources())


@dataclass(frozen=True, kw_only=True)
class _Layer:
    path: str
    stack: str
    rows: Sequence[str]
    edges: Sequence[Edge]

    def row(self, module: str) -> int:
        """The row of a module of the layer; 0 for all that comes in from outside of it."""
        if module != self.path and not module.startswith(f"{self.path}."):
            return 0
        name = module.removeprefix(self.path).lstrip(".") or "whole"
        return self.rows.index(name) if name in self.rows else 0

    def arcs(self) -> Iterator[tuple[int, int]]:
        """From the row of what is kept to the row where it is added."""
        added: dict[str, list[int]] = defaultdict(list)
        for edge in self.edges:
            if edge.adds:
                added[edge.taker].append(self.row(edge.giver))
        for taker, givers in added.items():
            if min(givers) < self.row(taker) - 1:
                yield min(givers), self.row(taker)

    def sources(self) -> dict[str, tuple[str, ...]]:
        """Of rows without rows of their own below them, what they take from other stacks."""
        found: dict[str, tuple[str, ...]] = {}
        for edge in self.edges:
            name = self.rows[self.row(edge.taker)]
            if not edge.adds and not edge.giver.startswith(f"{self.stack}.") and self._ends(name):
                found[name] = tuple(dict.fromkeys((*found.get(name, ()), edge.giver)))
        return found

    def _ends(self, name: str) -> bool:
        """Whether a row is inside of the layer, and has no parts with rows of their own."""
        is_first = name in self.rows[:2]
        return (
            not is_first
            and name != "whole"
            and not any(row.startswith(f"{name}.") for row in self.rows)
        )


def _layer(stack: str, module: str) -> str:
    return ".".join(module.split(".")[: len(stack.split(".")) + 1])


def _segments(
    rows: Sequence[str], arcs: Sequence[tuple[int, int]]
) -> dict[str, tuple[Segment, ...]]:
    lanes: list[list[tuple[int, int]]] = []
    for arc in sorted(arcs):
        free = next((lane for lane in lanes if lane[-1][1] <= arc[0]), None)
        if free is None:
            lanes.append([arc])
        else:
            free.append(arc)
    return {name: tuple(_segment(place, lane) for lane in lanes) for place, name in enumerate(rows)}


def _segment(place: int, lane: Iterable[tuple[int, int]]) -> Segment:
    counts = Counter[Segment]()
    for first, last in lane:
        if place == first:
            counts["start"] += 1
        elif place == last:
            counts["end"] += 1
        elif first < place < last:
            counts["through"] += 1
    if counts["start"] and counts["end"]:
        return "joint"
    return next(iter(counts), "")
