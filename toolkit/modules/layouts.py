"""How the tensors of two modules lie beside each other, read off shapes and values.

A layout that the shapes leave open is settled by the values, where both modules got the same; where
they did not, by what holds of other modules of the two kinds. It is never guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import TYPE_CHECKING, Literal, TypeAlias

from toolkit.compare.metrics import relative_error
from toolkit.replay.alignment import align

if TYPE_CHECKING:
    from torch import Tensor

SAME_VALUES = 1e-6
"""Relative error below which two tensors are the same values in another layout."""
MOST_AXES = 5
NAMES = ("", "D", "B D", "B T D", "B H T D", "B G H T D")
"""What the axes of a target's tensor are called, by how many there are."""

Shape: TypeAlias = tuple[int, ...]
How: TypeAlias = Literal["shapes", "values", "others", "open"]


@dataclass(frozen=True, kw_only=True)
class Axes:
    """One way in which the axes of two tensors may go together."""

    source: str
    target: str
    sizes: tuple[tuple[str, int], ...] = ()
    """Of axes that the source holds as one: one of the two."""

    def place(self, tensor: Tensor) -> Tensor:
        """A tensor of the source in the target's axes."""
        return align(tensor, self.source, self.target, sizes=dict(self.sizes)).tensor

    @property
    def kind(self) -> tuple[str, str]:
        """What two of a kind share, whatever the sizes are."""
        return self.source, self.target


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How two tensors lie beside each other, and what says so."""

    ways: tuple[Axes, ...]
    """One, unless it is open."""
    how: How


def read_axes(given: Tensor, held: Tensor) -> Reading:
    """How a tensor of the source lies beside one of the target that should be the same.

    Args:
        given: The source's.
        held: The target's, whatever its values.

    Returns:
        No way where shapes do not go together; several, "open", where nothing settles it.
    """
    ways = tuple(_ways(tuple(given.shape), tuple(held.shape)))
    if len(ways) < 2:
        return Reading(ways=ways, how="shapes")
    right = [way for way in ways if relative_error(way.place(given), held) <= SAME_VALUES]
    return Reading(ways=tuple(right[:1]) or ways, how="values" if right else "open")


def settle(reading: Reading, others: Iterable[Reading]) -> Reading:
    """A reading that is open as most of others have it that are not.

    Args:
        reading: What is to be settled.
        others: Readings of modules of the same kinds.
    """
    if reading.how != "open":
        return reading
    votes = Counter(r.ways[0].kind for r in others if r.how != "open" and r.ways)
    fitting = [way for way in reading.ways if way.kind in votes]
    if not fitting:
        return reading
    return Reading(ways=(max(fitting, key=lambda way: votes[way.kind]),), how="others")


def _ways(given: Shape, held: Shape) -> Iterator[Axes]:
    if max(len(given), len(held)) > MOST_AXES:
        if given == held:
            axes = " ".join(f"X{place}" for place in range(len(held)))
            yield Axes(source=axes, target=axes)
        return
    letters = NAMES[len(held)].split()
    wide = [letter for letter, size in zip(letters, held, strict=True) if size != 1]
    sizes = [size for size in held if size != 1]
    target = " ".join("1" if s == 1 else n for n, s in zip(letters, held, strict=True))
    for order in _orders([size for size in given if size != 1], sizes):
        source = _spread(given, [wide[place] for place in order])
        yield Axes(source=source, target=target)
    yield from _parted(given, wide, sizes, target)
    yield from _joined(given, held)


def _orders(given: Sequence[int], sizes: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """For each axis of the source the place that it may have in the target, in order first."""
    if len(given) == len(sizes):
        for order in permutations(range(len(sizes))):
            if all(sizes[place] == size for place, size in zip(order, given, strict=True)):
                yield order


def _parted(given: Shape, wide: Sequence[str], sizes: Sequence[int], target: str) -> Iterator[Axes]:
    """The source holds two of the target's axes as one."""
    for first, second in combinations(range(len(sizes)), 2):
        rest = [place for place in range(len(sizes)) if place not in (first, second)]
        joined = sizes[first] * sizes[second]
        for order in _orders([s for s in given if s != 1], [joined, *(sizes[p] for p in rest)]):
            for pair in ((first, second), (second, first)):
                both = f"({wide[pair[0]]} {wide[pair[1]]})"
                names = [both, *(wide[place] for place in rest)]
                source = _spread(given, [names[place] for place in order])
                known = ((wide[first], sizes[first]),)
                yield Axes(source=source, target=target, sizes=known)


def _joined(given: Shape, held: Shape) -> Iterator[Axes]:
    """The target holds two of the source's axes as one."""
    if sum(size != 1 for size in given) != sum(size != 1 for size in held) + 1:
        return
    letters = NAMES[len(given)].split()
    wide = [letter for letter, size in zip(letters, given, strict=True) if size != 1]
    sizes = [size for size in given if size != 1]
    target = " ".join("1" if s == 1 else n for n, s in zip(letters, given, strict=True))
    for way in _parted(held, wide, sizes, target):
        yield Axes(source=way.target, target=way.source)


def _spread(shape: Shape, names: Sequence[str]) -> str:
    """The names of a tensor's axes, those of one element as `1`."""
    left = iter(names)
    return " ".join("1" if size == 1 else next(left) for size in shape)
