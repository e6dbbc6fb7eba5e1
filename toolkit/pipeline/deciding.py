"""Lets a fork's own code decide what names and shapes leave open: both models run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from math import factorial
from typing import TYPE_CHECKING

from toolkit.checkpoint.recipes import Recipe
from toolkit.inference import Ambiguity, Match, Proposal
from toolkit.inference.activations import NEAR, Outputs, count_found, same_whole

if TYPE_CHECKING:
    from torch import Tensor, nn

    from toolkit.oracle.whole import Heard

TELLING = ("only one of shape", "called the same", "called alike", "name tells")
"""Evidence by which a tensor is known that nothing depends on."""
MOST = 720
"""Most ways to arrange what is open that are tried."""
Load = Callable[[str], "Tensor"]
Rows = tuple[Match, ...]


@dataclass(frozen=True)
class Bench:
    """A family's model beside a fork's, and how both are asked."""

    model: nn.Module
    """The family's."""
    ask: Callable[[nn.Module, str | None], Heard]
    """Takes a model, and the module after whose call it may stop."""
    load: Load
    """Gives a tensor of the checkpoint."""
    fork: Heard
    """What the fork's model gave."""

    def heard(self, rows: Rows, until: str | None = None) -> Heard:
        """What the family's model gives with the weights that rows make."""
        import torch
        from torch import nn

        made: dict[str, Tensor] = {}
        for row in rows:
            given = [self.load(source) for source in row.recipe.sources]
            made.update(zip(row.recipe.targets, row.recipe.make(given), strict=True))
        with torch.no_grad():
            # Not the model's own: fairseq's knows no `assign`.
            nn.Module.load_state_dict(self.model, made, strict=False, assign=True)
            self.model.requires_grad_(False)
        return self.ask(self.model, until)


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


def decide(proposal: Proposal, bench: Bench, report: Callable[[str], None]) -> Decided:
    """The proposal with what the fork's own code decides.

    Args:
        proposal: What names and shapes say.
        bench: Both models.
        report: Hears what is tried.
    """
    outputs = Outputs([*(tensor for _, tensor in bench.fork.calls), *bench.fork.outputs.values()])
    rows, left = proposal.rows, []
    for ambiguity in proposal.ambiguous:
        report(f"trying {', '.join(ambiguity.targets)}"[:100])
        chosen = _best(rows, ambiguity, bench, outputs)
        if chosen is None:
            left.append(ambiguity)
        else:
            rows = chosen
    rows = _repaired(rows, bench, outputs)
    error = same_whole(bench.heard(rows).outputs, bench.fork.outputs)
    silent = _unheard(rows, proposal.unmatched_sources, bench) if error <= NEAR else ()
    return Decided(rows=rows, ambiguous=(*_open_still(left, error), *silent), error=error)


def _open_still(left: Sequence[Ambiguity], error: float) -> tuple[Ambiguity, ...]:
    """What no arrangement could be chosen for; the order of layers is told by what they give."""
    return tuple(one for one in left if one.parts or error > NEAR)


def _best(rows: Rows, ambiguity: Ambiguity, bench: Bench, outputs: Outputs) -> Rows | None:
    """The rows in the one arrangement that gives most of what the fork gives; None without one."""
    parts = ambiguity.parts
    if not parts or factorial(len(parts)) > MOST:
        return None
    until = _around(parts)
    counted = []
    for order in permutations(range(len(parts))):
        exchange = {
            old: new
            for place, part in zip(order, parts, strict=True)
            for old, new in zip(part, parts[place], strict=True)
        }
        arranged = _exchanged(rows, exchange)
        counted.append((count_found(bench.heard(arranged, until).calls, outputs), arranged))
    most = max(count for count, _ in counted)
    best = [arranged for count, arranged in counted if count == most]
    return _evident(best[0], parts) if len(best) == 1 or _equal(best, bench) else None


def _around(parts: Sequence[Sequence[str]]) -> str | None:
    """The smallest module with the first tensor of each part, to stop after; None for all."""
    names = [part[0].split(".") for part in parts]
    shared = []
    for level in zip(*names, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return ".".join(shared) or None


def _exchanged(rows: Rows, exchange: Mapping[str, str]) -> Rows:
    def under(recipe: Recipe) -> Recipe:
        return replace(recipe, targets=tuple(exchange.get(name, name) for name in recipe.targets))

    return tuple(replace(row, recipe=under(row.recipe)) for row in rows)


def _evident(rows: Rows, parts: Sequence[Sequence[str]]) -> Rows:
    decided = {name for part in parts for name in part}
    said = "the fork's own modules give the same only so"
    return tuple(
        replace(row, evidence=said) if decided & set(row.recipe.targets) else row for row in rows
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
        around = tuple(_kind(name).rpartition(".")[0] for name in ends)
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
        targets=tuple(dict.fromkeys(map(_kind, targets))),
        sources=tuple(dict.fromkeys(_kind(n) for row in unit for n in row.recipe.sources)),
        because="nothing that the fork gives depends on it, and nothing else tells what it is",
        parts=(targets,),
    )


# What neither names nor shapes show


def _repaired(rows: Rows, bench: Bench, outputs: Outputs) -> Rows:
    """The rows, with what helps of hypotheses on the first module that gives something else."""
    tried: set[str] = set()
    while True:
        heard = bench.heard(rows)
        if same_whole(heard.outputs, bench.fork.outputs) <= NEAR:
            return rows
        path = _first_wrong(heard, bench, outputs, tried)
        if path is None:
            return rows
        tried.add(path)
        before = count_found(heard.calls, outputs)
        for candidate in _hypotheses(rows, path, bench):
            if count_found(bench.heard(candidate).calls, outputs) > before:
                rows = candidate
                break


def _first_wrong(heard: Heard, bench: Bench, outputs: Outputs, tried: set[str]) -> str | None:
    """The first module with tensors, not looked at yet, that gives what none of the fork's does."""
    for path, tensor in heard.calls:
        module = bench.model.get_submodule(path)
        small = any(True for _ in module.parameters()) and path not in tried
        if small and path and not outputs.holds(tensor):
            return path
    return None


def _hypotheses(rows: Rows, path: str, bench: Bench) -> Iterator[Rows]:
    """What may have been done to the tensors of a module, the same in every layer."""
    kinds = {_kind(name) for row in rows for name in row.recipe.targets if _is_under(name, path)}
    own = [i for i, row in enumerate(rows) if {_kind(n) for n in row.recipe.targets} & kinds]
    for change in (_halves, _turned, _by_heads):
        candidate = list(rows)
        for index in own:
            changed = change(rows[index], bench)
            if changed is not None:
                candidate[index] = changed
        if candidate != list(rows):
            yield tuple(candidate)


def _is_under(name: str, path: str) -> bool:
    return name.startswith(f"{path}.")


def _kind(name: str) -> str:
    """A name with its numbers left out: what is done in one layer is done in all."""
    return ".".join("{i}" if part.isdecimal() else part for part in name.split("."))


def _halves(row: Match, bench: Bench) -> Match | None:
    """The two halves exchanged, as gates may stand before or behind what they open."""
    recipe, sizes = row.recipe, bench.load(row.recipe.sources[0]).shape
    if len(recipe.targets) > 1 or recipe.order or not sizes or sizes[0] % 2:
        return None
    return replace(row, recipe=replace(recipe, order=(1, 0)), evidence=_BY_OUTPUT)


def _turned(row: Match, bench: Bench) -> Match | None:
    """A square matrix transposed."""
    sizes = bench.load(row.recipe.sources[0]).shape
    if len(sizes) != 2 or sizes[0] != sizes[1] or row.recipe.axes:
        return None
    return replace(row, recipe=replace(row.recipe, axes=(0, 1)), evidence=_BY_OUTPUT)


def _by_heads(row: Match, bench: Bench) -> Match | None:
    """Joined projections that lie head by head."""
    heads, count = _heads(bench), len(row.recipe.targets)
    if count < 2 or row.recipe.order or not heads:
        return None
    order = tuple(count * head + part for part in range(count) for head in range(heads))
    if bench.load(row.recipe.sources[0]).shape[0] % len(order):
        return None
    return replace(row, recipe=replace(row.recipe, order=order), evidence=_BY_OUTPUT)


def _heads(bench: Bench) -> int:
    found = {getattr(module, "num_heads", 0) for module in bench.model.modules()} - {0}
    return found.pop() if len(found) == 1 else 0


_BY_OUTPUT = "the fork's own modules give the same only so"
