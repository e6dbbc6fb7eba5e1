"""Lets a fork's own code decide what names and shapes leave open: both models run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, permutations, product
from math import factorial, prod
from typing import TYPE_CHECKING

from toolkit.checkpoint.recipes import Recipe
from toolkit.inference import Ambiguity, Match, Proposal
from toolkit.inference.activations import NEAR, Outputs, count_found, same_whole
from toolkit.pipeline.bench import BY_OUTPUT, Bench, Rows, exchanged, kind_of
from toolkit.pipeline.repairing import repaired

if TYPE_CHECKING:
    from torch import Tensor

TELLING = ("only one of shape", "called the same", "called alike", "name tells")
"""Evidence by which a tensor is known that nothing depends on."""
MOST = 720
"""Most ways to arrange what is open that are tried."""


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What came of it."""

    rows: Rows
    ambiguous: tuple[Ambiguity, ...]
    error: float
    """Largest difference of what both models give as a whole, relative to the largest value."""

    @property
    def agrees(self) -> bool:
        """Whether both models give the same."""
        return self.error <= NEAR


def decide(proposal: Proposal, bench: Bench) -> Decided:
    """The proposal with what the fork's own code decides.

    Args:
        proposal: What names and shapes say.
        bench: Both models.
    """
    outputs = Outputs([*(tensor for _, tensor in bench.fork.calls), *bench.fork.outputs.values()])
    rows, left = _settled(proposal.rows, proposal.ambiguous, bench, outputs)
    rows, left = _settled(repaired(rows, bench, outputs), left, bench, outputs)
    error = same_whole(bench.heard(rows).outputs, bench.fork.outputs)
    silent = _unheard(rows, proposal.unmatched_sources, bench) if error <= NEAR else ()
    return Decided(rows=rows, ambiguous=(*_open_still(left, error), *silent), error=error)


def _open_still(left: Sequence[Ambiguity], error: float) -> tuple[Ambiguity, ...]:
    """What no arrangement could be chosen for; the order of layers is told by what they give."""
    return tuple(one for one in left if one.parts or error > NEAR)


def _settled(
    rows: Rows, ambiguous: Sequence[Ambiguity], bench: Bench, outputs: Outputs
) -> tuple[Rows, Sequence[Ambiguity]]:
    """The rows with what is decided, and what is not.

    What is wrong hides what comes after it, so all is tried again where something was decided; and
    what is open in one module may show only together.
    """
    left = list(ambiguous)
    while True:
        before = len(left)
        beside = [list(pair) for pair in combinations(left, 2) if _share_module(*pair)]
        for together in [*([one] for one in left), *beside]:
            if len(together) > 1 and len(left) < before:
                break
            chosen = _best(rows, together, bench, outputs)
            if chosen is not None:
                rows, left = chosen, [one for one in left if one not in together]
        if len(left) == before:
            return rows, left


def _share_module(one: Ambiguity, other: Ambiguity) -> bool:
    return bool(one.parts and other.parts) and _around(one.parts) == _around(other.parts)


def _best(rows: Rows, together: Sequence[Ambiguity], bench: Bench, outputs: Outputs) -> Rows | None:
    """The rows in the one arrangement that gives most of what the fork gives; None without one."""
    ways = prod(factorial(len(one.parts)) for one in together)
    if ways > MOST or not all(one.parts for one in together):
        return None
    parts = [part for one in together for part in one.parts]
    counted = []
    for exchange in _exchanges([one.parts for one in together]):
        arranged = exchanged(rows, exchange)
        heard = bench.heard(arranged, _around(parts))
        counted.append((count_found(heard.calls, outputs), arranged))
    most = max(count for count, _ in counted)
    best = [arranged for count, arranged in counted if count == most]
    return _evident(best[0], parts) if len(best) == 1 or _equal(best, bench) else None


def _exchanges(groups: Sequence[Sequence[Sequence[str]]]) -> Iterator[dict[str, str]]:
    """Every way to exchange the parts of each group among themselves."""
    for orders in product(*(permutations(range(len(parts))) for parts in groups)):
        yield {
            old: new
            for order, parts in zip(orders, groups, strict=True)
            for place, part in zip(order, parts, strict=True)
            for old, new in zip(part, parts[place], strict=True)
        }


def _around(parts: Sequence[Sequence[str]]) -> str | None:
    """The smallest module with the first tensor of each part, to stop after; None for all."""
    names = [part[0].split(".") for part in parts]
    shared = []
    for level in zip(*names, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return ".".join(shared) or None


def _evident(rows: Rows, parts: Sequence[Sequence[str]]) -> Rows:
    decided = {name for part in parts for name in part}
    return tuple(
        replace(row, evidence=BY_OUTPUT) if decided & set(row.recipe.targets) else row
        for row in rows
    )


def _equal(arranged: Sequence[Rows], bench: Bench) -> bool:
    """Whether arrangements differ in tensors alone that hold the same values."""
    first = _values(arranged[0])
    for rows in arranged[1:]:
        for target, (recipe, output) in _values(rows).items():
            other, place = first[target]
            if (recipe, output) == (other, place):
                continue
            made, wanted = (
                r.make([bench.load(source) for source in r.sources])[o]
                for r, o in ((recipe, output), (other, place))
            )
            if not made.equal(wanted):
                return False
    return True


def _values(rows: Rows) -> dict[str, tuple[Recipe, int]]:
    return {
        target: (replace(row.recipe, targets=("",) * len(row.recipe.targets)), output)
        for row in rows
        for output, target in enumerate(row.recipe.targets)
    }


# What no output shows


def _unheard(rows: Rows, left: Sequence[str], bench: Bench) -> tuple[Ambiguity, ...]:
    """Modules that nothing the fork gives depends on, and that might as well be another.

    One alone of its shapes is known, as everything else is.
    """
    units: dict[tuple[str, str], list[Match]] = {}
    for row in rows:
        ends = (row.recipe.sources[0], row.recipe.targets[0])
        around = tuple(kind_of(name).rpartition(".")[0] for name in ends)
        units.setdefault((around[0], around[1]), []).append(row)
    open_units = [unit for unit in units.values() if not any(map(_is_told, unit))]
    silent = [unit for unit in open_units if not _is_heard(rows, unit, bench)]
    shapes = [
        _shapes((name for row in unit for name in row.recipe.sources), bench) for unit in silent
    ]
    rivals = Counter([shape for each in shapes for shape in each] + [*_shapes(left, bench)])
    return tuple(
        _as_open(unit)
        for unit, each in zip(silent, shapes, strict=True)
        if any(rivals[shape] > 1 for shape in each)
    )


def _shapes(names: Iterable[str], bench: Bench) -> set[tuple[int, ...]]:
    return {tuple(bench.load(name).shape) for name in names}


def _is_told(row: Match) -> bool:
    """Whether a row rests on more than its neighbours and its place."""
    return any(word in row.evidence for word in TELLING)


def _is_heard(rows: Rows, unit: Sequence[Match], bench: Bench) -> bool:
    """Whether what the model gives changes with the tensors of a module."""

    def load(name: str) -> Tensor:
        tensor = bench.load(name)
        return 1.5 * tensor + 0.1 if name in sources else tensor

    sources = {name for row in unit for name in row.recipe.sources}
    heard = replace(bench, load=load).heard(rows)
    return same_whole(heard.outputs, bench.fork.outputs) > NEAR


def _as_open(unit: Sequence[Match]) -> Ambiguity:
    targets = tuple(name for row in unit for name in row.recipe.targets)
    return Ambiguity(
        targets=tuple(dict.fromkeys(map(kind_of, targets))),
        sources=tuple(dict.fromkeys(kind_of(n) for row in unit for n in row.recipe.sources)),
        because="nothing that the fork gives depends on it, and nothing else tells what it is",
        parts=(targets,),
    )
