"""A model's tensors as a tree: what is the same part of every layer is one kind of tensor."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Shape = tuple[int, ...]
SLOT = "{i}"
"""Stands for the number of a layer."""
BLOCK = 6
"""Fewest tensors of a layer whose name has no number: less may be parts that are alike."""
SHARED = 4
"""Letters that names of layers without numbers begin with alike."""
FEWEST = 3
"""Fewest layers whose names begin alike and have no number."""
_TRAILING = re.compile(r"(.*?)(\d+)")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Tensors that are the same part of every layer, or one tensor that is by itself."""

    pattern: str
    """Their name, with a slot for the number of the layer."""
    names: tuple[str, ...]
    """In the order of the layers."""
    shapes: tuple[Shape, ...]
    ranks: tuple[tuple[int, ...], ...]
    """Which layers they belong to, counted from 0."""
    place: int
    """Of the first in the file, counted from 0."""
    is_numbered: bool
    """Whether names tell the order of the layers; if not, it is that of the file."""

    @property
    def above(self) -> tuple[str, ...]:
        """The modules around it, from the smallest to the model."""
        parts = self.pattern.split(".")[:-1]
        return tuple(".".join(parts[:end]) for end in range(len(parts), -1, -1))


@dataclass(frozen=True)
class _Step:
    """Where a part of a name is the number of a layer."""

    rank: int
    numbered: bool


def kinds_of(shapes: Mapping[str, Shape]) -> tuple[Kind, ...]:
    """The kinds of tensors of a model, in the order of the file.

    Args:
        shapes: The shape of each tensor by name, in the order of the file.
    """
    steps = dict(_steps(_tree(shapes), ()))
    grouped: dict[str, list[tuple[tuple[int, ...], str, bool]]] = defaultdict(list)
    for name in shapes:
        parts = name.split(".")
        found = [steps.get(tuple(parts[: end + 1])) for end in range(len(parts))]
        pattern = ".".join(p if s is None else SLOT for p, s in zip(parts, found, strict=True))
        ranks = tuple(step.rank for step in found if step is not None)
        numbered = all(step.numbered for step in found if step is not None)
        grouped[pattern].append((ranks, name, numbered))
    places = {name: place for place, name in enumerate(shapes)}
    return tuple(
        _kind(pattern, sorted(members), shapes, places) for pattern, members in grouped.items()
    )


def _kind(
    pattern: str,
    members: Sequence[tuple[tuple[int, ...], str, bool]],
    shapes: Mapping[str, Shape],
    places: Mapping[str, int],
) -> Kind:
    names = tuple(name for _, name, _ in members)
    return Kind(
        pattern=pattern,
        names=names,
        shapes=tuple(shapes[name] for name in names),
        ranks=tuple(ranks for ranks, _, _ in members),
        place=min(places[name] for name in names),
        is_numbered=all(numbered for _, _, numbered in members),
    )


@dataclass
class _Node:
    children: dict[str, _Node]
    shape: Shape | None = None

    def leaves(self, prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Shape]]:
        if self.shape is not None:
            yield prefix, self.shape
        for name, child in self.children.items():
            yield from child.leaves((*prefix, name))


def _tree(shapes: Mapping[str, Shape]) -> _Node:
    root = _Node({})
    for name, shape in shapes.items():
        node = root
        for part in name.split("."):
            node = node.children.setdefault(part, _Node({}))
        node.shape = shape
    return root


def _steps(node: _Node, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], _Step]]:
    """Every part of a name that is the number of a layer, by the path up to it."""
    for stack, numbered in _stacks(node):
        for rank, name in enumerate(stack):
            yield (*path, name), _Step(rank, numbered)
    for name, child in node.children.items():
        yield from _steps(child, (*path, name))


def _stacks(node: _Node) -> Iterator[tuple[list[str], bool]]:
    """Children that are layers of one kind, in order, and whether their names number them."""
    names = list(node.children)
    if names and all(name.isdecimal() for name in names):
        if _are_alike(node) or len(tuple(node.leaves())) >= BLOCK * len(names):
            yield sorted(names, key=int), True
        return
    if len(names) >= FEWEST and _begin_alike(names) and _are_alike(node):
        yield _in_order(names)
        return
    groups: dict[object, list[str]] = defaultdict(list)
    for name in names:
        leaves = tuple(node.children[name].leaves())
        if len(leaves) >= BLOCK and not name.isdecimal():
            groups[frozenset(leaves)].append(name)
    # Two beside something else are parts of one layer, as two attentions are.
    fewest = 2 if sum(map(len, groups.values())) == len(names) else FEWEST
    for group in groups.values():
        if len(group) >= fewest:
            yield _in_order(group)


def _begin_alike(names: Sequence[str]) -> bool:
    return len({name[:SHARED] for name in names}) == 1 and all(len(n) > SHARED for n in names)


def _are_alike(node: _Node) -> bool:
    """Whether two children of a module at least have parts that are called the same."""
    parts = [frozenset(path for path, _ in child.leaves()) for child in node.children.values()]
    return Counter(parts).most_common(1)[0][1] > 1


def _in_order(names: list[str]) -> tuple[list[str], bool]:
    """Names by the number that they end with, else as the file has them."""
    found = [_TRAILING.fullmatch(name) for name in names]
    if all(found) and len({match[1] for match in found if match}) == 1:
        return sorted(names, key=lambda name: int(_TRAILING.fullmatch(name)[2])), True  # type: ignore[index]
    return names, False
