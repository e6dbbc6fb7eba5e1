"""Which module takes what another gave, told by the values themselves and not by names."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import TYPE_CHECKING, TypeAlias

from toolkit.core.pictures import Edge
from toolkit.oracle.hooks import Calls, rest

if TYPE_CHECKING:
    from torch import Tensor

SAMPLES = 16
NEAR = 12
"""Among how many of the last values the two are looked for that make a sum."""
Values: TypeAlias = tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class _Value:
    """A tensor that passed between modules."""

    home: str
    """The module that gave it, or that took it first where none did."""
    is_given: bool
    """Whether it is what a module gave, or the sum of two that are known."""
    shape: tuple[int, ...]
    print: Values
    """Size, least and largest element: the same in any layout of its axes."""
    samples: Values


@dataclass(kw_only=True)
class _Seen:
    edges: list[Edge] = field(default_factory=list)
    by_print: dict[Values, _Value] = field(default_factory=dict)

    def near(self, shape: tuple[int, ...]) -> list[_Value]:
        return [value for value in self.by_print.values() if value.shape == shape][-NEAR:]


def find_flow(calls: Calls, paths: Collection[str]) -> tuple[Edge, ...]:
    """The edges between modules that were called once.

    Args:
        calls: What the modules of one model took and gave, in the order in which they answered.
        paths: The modules to look at.
    """
    seen = _Seen()
    for path, made in calls.items():
        if path in paths and len(made) == 1:
            for tensor in made[0].inputs.values():
                seen.edges.extend(_arriving(seen, path, tensor, taken=True))
            for tensor in list(made[0].outputs.values())[:1]:
                seen.edges.extend(_arriving(seen, path, tensor, taken=False))
            rest(calls)
    return tuple(dict.fromkeys(seen.edges))


def _arriving(seen: _Seen, path: str, tensor: Tensor, *, taken: bool) -> Iterator[Edge]:
    """Where a value comes from that a module takes, or gives as the sum of two others."""
    if not tensor.is_floating_point() or tensor.numel() < SAMPLES:
        return
    value = _look_at(path, tensor)
    known = seen.by_print.get(value.print)
    if known is not None and known.is_given:
        if taken and known.home != path:
            yield Edge(giver=known.home, taker=path)
        return
    parts = _summands(value, seen.near(value.shape))
    yield from (Edge(giver=part.home, taker=path, adds=True) for part in parts)
    if known is None or parts or not taken:
        seen.by_print[value.print] = replace(value, is_given=bool(parts) or not taken)


def _look_at(path: str, tensor: Tensor) -> _Value:
    low, high = (float(end) for end in tensor.aminmax())
    flat = tensor.flatten()
    return _Value(
        home=path,
        is_given=False,
        shape=tuple(tensor.shape),
        print=(float(tensor.numel()), low, high),
        samples=tuple(flat[:: max(1, flat.numel() // SAMPLES)][:SAMPLES].tolist()),
    )


def _summands(value: _Value, near: list[_Value]) -> tuple[_Value, ...]:
    """The two values that it is the sum of, bit by bit; empty if no two are."""
    for pair in combinations(reversed(near), 2):
        sums = (a + b for a, b in zip(pair[0].samples, pair[1].samples, strict=True))
        if all(total == found for total, found in zip(sums, value.samples, strict=True)):
            return pair
    return ()
