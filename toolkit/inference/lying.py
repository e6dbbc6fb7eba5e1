"""Matrices that lie the other way round: (in, out), where a linear map of torch has (out, in)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from toolkit.inference.tree import Shape

Sized = Mapping[str, Shape]


def lying(shapes: Sized) -> frozenset[str]:
    """The matrices of linear maps that lie transposed, by what is added to their output.

    A square one tells nothing by itself: it lies as all others whose names end alike.

    Args:
        shapes: The shape of each tensor by name.
    """
    turned: set[str] = set()
    upright: set[str] = set()
    square: set[str] = set()
    for name, (rows, columns), added in _maps(shapes):
        if rows == columns:
            square.add(name)
        else:
            (turned if added == columns else upright).add(name)
    ends = {_end(name) for name in turned} - {_end(name) for name in upright}
    return frozenset(turned | {name for name in square if _end(name) in ends})


def upright(shapes: Sized) -> dict[str, Shape]:
    """The same shapes, those of matrices that lie transposed the other way round."""
    found = lying(shapes)
    return {name: shape[::-1] if name in found else shape for name, shape in shapes.items()}


def _maps(shapes: Sized) -> Iterator[tuple[str, tuple[int, int], int]]:
    """Modules of one matrix and one vector that is as long as one side of it, and nothing else."""
    inside: dict[str, list[str]] = defaultdict(list)
    around: set[str] = set()
    for name in shapes:
        module = name.rpartition(".")[0]
        inside[module].append(name)
        around.update(_above(module))
    for module, names in inside.items():
        by_rank = {len(shapes[name]): name for name in names}
        if len(names) == 2 and by_rank.keys() == {1, 2} and module not in around:
            rows, columns = shapes[by_rank[2]]
            (added,) = shapes[by_rank[1]]
            if added in (rows, columns):
                yield by_rank[2], (rows, columns), added


def _above(module: str) -> Iterator[str]:
    while module:
        module = module.rpartition(".")[0]
        yield module


def _end(name: str) -> str:
    return name.rpartition(".")[2]
