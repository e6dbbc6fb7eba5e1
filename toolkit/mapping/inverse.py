"""A plan read backwards: which tensors of the target give each source tensor again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from toolkit.core.coverage import Reason
from toolkit.core.spec import TensorSpec
from toolkit.mapping.ops import FILLINGS, Filling, Op
from toolkit.mapping.patterns import fill, match
from toolkit.mapping.plan import Assignment, Plan, make_plan
from toolkit.mapping.rules import Fill, Row, Rule, Table

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """How one source tensor comes about again."""

    source: str
    op: Op
    """What a conversion does to the source, and is undone."""
    targets: tuple[str, ...]
    """All that it makes of the source, in the order of its outputs."""

    def recover(self, load: Callable[[str], Tensor]) -> Tensor:
        """The source tensor, in the targets' dtype.

        Args:
            load: Gives a target tensor by name.
        """
        return self.op.invert([load(name) for name in self.targets])


@dataclass(frozen=True, kw_only=True)
class Inverse:
    """What of a source its target gives again, and what it does not."""

    recovered: Mapping[str, Recovery]
    """By source name."""
    twins: Mapping[str, str]
    """Source tensors that are the same as another, which has a recovery."""
    gone: tuple[Reason, ...]
    """Source tensors that a conversion drops, each with the reason."""
    made: Mapping[str, Filling]
    """Target tensors that no source has: what a conversion fills them with."""


def invert_plan(plan: Plan) -> Inverse:
    """The way back of a plan that places every source tensor."""
    taken: dict[str, list[Assignment]] = defaultdict(list)
    for assignment in plan.assignments.values():
        if assignment.source is not None:
            taken[assignment.source].append(assignment)
    return Inverse(
        recovered={source: _recovery(source, found) for source, found in taken.items()},
        twins={
            tie.source: tie.source_twin
            for tie in plan.ties
            if tie.source in plan.sources and not tie.is_single
        },
        gone=plan.dropped,
        made={
            name: assignment.op
            for name, assignment in plan.assignments.items()
            if isinstance(assignment.op, FILLINGS)
        },
    )


def made_by(rows: Iterable[Row], names: Iterable[str]) -> tuple[str, ...]:
    """Those of the names of a target's tensors that rows make."""
    patterns = [pattern for row in rows for pattern in _products(row)]
    return tuple(name for name in names if any(match(p, name) is not None for p in patterns))


def plan_back(table: Table, targets: Mapping[str, TensorSpec]) -> Plan:
    """The plan that made these targets, of a source that nobody has: its tensors follow from them.

    Args:
        table: Rows that rename or fill; those that make none of the targets count for nothing.
        targets: All tensors of the target, each of which a row makes.

    Raises:
        BrokenRule: a target is made by none, or by several.
    """
    rows = tuple(row for row in table.rows if made_by([row], targets))
    sources = {spec.name: spec for row in rows for spec in _sources(row, targets)}
    return make_plan(replace(table, rows=rows), sources, targets)


def _products(row: Row) -> tuple[str, ...]:
    return row.targets if isinstance(row, Rule) else (row.target,) if isinstance(row, Fill) else ()


def _sources(row: Row, targets: Mapping[str, TensorSpec]) -> Iterator[TensorSpec]:
    """The source tensors that a row made these targets of."""
    if isinstance(row, Rule):
        for name, spec in targets.items():
            slots = match(row.targets[0], name)
            if slots is not None:
                yield replace(spec, name=fill(row.source, slots))


def _recovery(source: str, assignments: list[Assignment]) -> Recovery:
    (op,) = {assignment.op for assignment in assignments}
    assert not isinstance(op, FILLINGS)
    ordered = sorted(assignments, key=lambda assignment: assignment.output)
    return Recovery(source=source, op=op, targets=tuple(a.target for a in ordered))
