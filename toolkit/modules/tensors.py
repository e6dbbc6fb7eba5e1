"""Tensors of the target that are not what the rules make of the source's, as findings."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from toolkit.core.findings import Finding, Hypothesis
from toolkit.diagnosis.tensors import wrong_tensors
from toolkit.modules.planning import State, Weights
from toolkit.replay.pairs import owner

_NUMBER = re.compile(r"(?<=\.)\d+(?=\.)")


def find_tensors(weights: Weights) -> Iterator[Finding]:
    """Tensors that hold something else, have no place, or that nothing fills; one per cause."""
    actual = weights.actual
    lost = [name for name in weights.plan.targets if name not in actual]
    tied = [n for n, twin in weights.expected.twins.items() if _are_equal(n, twin, actual)]
    yield from wrong_tensors(weights.expected, actual, settled=[*lost, *tied])
    yield from (_lost(names, weights) for names in _alike(lost))
    yield from (_extra(names) for names in _alike(weights.extra))


def _are_equal(name: str, twin: str, actual: State) -> bool:
    return {name, twin} <= actual.keys() and actual[name].equal(actual[twin])


def _alike(names: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """The names that differ by the number of their layer alone."""
    groups = defaultdict(list)
    for name in names:
        groups[_NUMBER.sub("{i}", name)].append(name)
    yield from map(tuple, groups.values())


def _lost(names: tuple[str, ...], weights: Weights) -> Finding:
    first = weights.plan.assignments.get(names[0])
    source = first.source if first is not None and first.source is not None else ""
    return Finding(
        kind="missing",
        target_module=owner(names[0]),
        target_parameters=names,
        source_module=owner(source),
        source_parameters=(source,) if source else (),
        rule=weights.expected.origins.get(names[0]),
        summary=f"the target has no `{names[0]}`{_more(names)}, which the rules make of `{source}`",
        hypothesis=Hypothesis(name="no_place", confirmed=True),
        fix=f"build `{owner(names[0])}` with it, or correct the rule",
    )


def _extra(names: tuple[str, ...]) -> Finding:
    return Finding(
        kind="missing",
        target_module=owner(names[0]),
        target_parameters=names,
        summary=f"no rule fills `{names[0]}`{_more(names)} of the target",
        hypothesis=Hypothesis(name="not_filled", confirmed=True, detail={"missing": False}),
        fix=f"build `{owner(names[0])}` without it, add a rule or a `Fill`, or name it in "
        "`leave_out` with the reason",
    )


def _more(names: tuple[str, ...]) -> str:
    return f" and {len(names) - 1} more like it" if len(names) > 1 else ""
