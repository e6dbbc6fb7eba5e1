"""What may be wrong with rows that names and shapes say, tried where it shows first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import combinations

from toolkit.inference import Match
from toolkit.inference.activations import NEAR, Outputs, count_found, same_whole
from toolkit.oracle.whole import Heard
from toolkit.pipeline.bench import BY_OUTPUT, SLOT, Bench, Rows, exchanged, kind_of

MISSES = 8
"""So many modules one after another that nothing helps, and no other is looked at."""
Inside = frozenset[tuple[str, tuple[int, ...]]]
"""What tensors a module has, by their names in it, and their shapes."""


def repaired(rows: Rows, bench: Bench, outputs: Outputs) -> Rows:
    """The rows, with what helps of hypotheses on the first module that gives something else."""
    tried: set[str] = set()
    misses = 0
    while misses < MISSES:
        heard = bench.heard(rows)
        path = _first_wrong(heard, bench, outputs, tried)
        if path is None or same_whole(heard.outputs, bench.fork.outputs) <= NEAR:
            return rows
        tried.add(path)
        before = count_found(heard.calls, outputs)
        better = (
            candidate
            for candidate in _hypotheses(rows, path, bench)
            if count_found(bench.heard(candidate).calls, outputs) > before
        )
        found = next(better, None)
        rows, misses = (rows, misses + 1) if found is None else (found, 0)
    return rows


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
    kinds = {kind_of(name) for row in rows for name in row.recipe.targets if _is_under(name, path)}
    own = [i for i, row in enumerate(rows) if {kind_of(n) for n in row.recipe.targets} & kinds]
    for change in (_halves, _turned, _by_heads):
        candidate = list(rows)
        for index in own:
            changed = change(rows[index], bench)
            if changed is not None:
                candidate[index] = changed
        if candidate != list(rows):
            yield tuple(candidate)
    yield from _other_places(rows, path, bench)


def _is_under(name: str, path: str) -> bool:
    return f"{name}.".startswith(f"{path}.")


def _halves(row: Match, bench: Bench) -> Match | None:
    """The two halves exchanged, as gates may stand before or behind what they open."""
    recipe, sizes = row.recipe, bench.load(row.recipe.sources[0]).shape
    if len(recipe.targets) > 1 or recipe.order or not sizes or sizes[0] % 2:
        return None
    return replace(row, recipe=replace(recipe, order=(1, 0)), evidence=BY_OUTPUT)


def _turned(row: Match, bench: Bench) -> Match | None:
    """A square matrix the other way round."""
    sizes = bench.load(row.recipe.sources[0]).shape
    if len(sizes) != 2 or sizes[0] != sizes[1]:
        return None
    axes = None if row.recipe.axes else (0, 1)
    return replace(row, recipe=replace(row.recipe, axes=axes), evidence=BY_OUTPUT)


def _by_heads(row: Match, bench: Bench) -> Match | None:
    """Joined projections that lie head by head."""
    heads, count = _heads(row.recipe.targets[0], bench), len(row.recipe.targets)
    if count < 2 or row.recipe.order or not heads:
        return None
    order = tuple(count * head + part for part in range(count) for head in range(heads))
    if bench.load(row.recipe.sources[0]).shape[0] % len(order):
        return None
    return replace(row, recipe=replace(row.recipe, order=order), evidence=BY_OUTPUT)


def _heads(name: str, bench: Bench) -> int:
    """How many the smallest module around a tensor has that has any; 0 where none has."""
    parts = name.split(".")[:-1]
    around = (".".join(parts[:end]) for end in range(len(parts), -1, -1))
    found = (getattr(bench.model.get_submodule(path), "num_heads", 0) for path in around)
    return next((heads for heads in found if heads), 0)


def _other_places(rows: Rows, path: str, bench: Bench) -> Iterator[Rows]:
    """Two modules or tensors that are alike in each other's place, in every layer."""
    inside = _modules(rows, bench)
    for one, other in dict.fromkeys(_pairs(kind_of(path), inside)):
        if inside.get(one) == inside[other] and one.count(SLOT) == other.count(SLOT):
            yield _in_places(rows, one, other)


def _pairs(path: str, modules: Collection[str]) -> Iterator[tuple[str, str]]:
    """What is around a module with anything else, then what is in it or beside it in pairs."""
    parts = path.split(".")
    around = [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
    yield from ((one, other) for one in around for other in modules if other != one)
    for parent in (path, path.rpartition(".")[0]):
        yield from combinations([m for m in modules if m.rpartition(".")[0] == parent], 2)


def _modules(rows: Rows, bench: Bench) -> dict[str, Inside]:
    """The family's modules and tensors, those of all layers as one, and what is in them."""
    shapes = {name: tuple(tensor.shape) for name, tensor in bench.model.state_dict().items()}
    inside: dict[str, set[tuple[str, tuple[int, ...]]]] = defaultdict(set)
    for name in (name for row in rows for name in row.recipe.targets):
        parts = kind_of(name).split(".")
        for end in range(1, len(parts) + 1):
            inside[".".join(parts[:end])].add((".".join(parts[end:]), shapes[name]))
    return {module: frozenset(tensors) for module, tensors in inside.items()}


def _in_places(rows: Rows, one: str, other: str) -> Rows:
    """The rows with two modules or tensors exchanged, in every layer."""
    names = {name for row in rows for name in row.recipe.targets}
    exchange = {
        name: moved
        for here, there in ((one, other), (other, one))
        for name in names
        if _is_under(kind_of(name), here) and (moved := _moved(name, here, there)) in names
    }
    changed = exchanged(rows, exchange)
    pairs = zip(rows, changed, strict=True)
    return tuple(new if new == old else replace(new, evidence=BY_OUTPUT) for old, new in pairs)


def _moved(name: str, here: str, there: str) -> str:
    """A name in another module, with the same numbers."""
    numbers = iter(part for part in name.split(".") if part.isdecimal())
    kind = there + kind_of(name).removeprefix(here)
    return ".".join(next(numbers) if part == SLOT else part for part in kind.split("."))
