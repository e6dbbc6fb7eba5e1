"""A plan read backwards: which tensors of the target give each source tensor again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.core.coverage import Reason
from toolkit.mapping.ops import FILLINGS, Filling, Op
from toolkit.mapping.plan import Assignment, Plan

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
        twins={tie.source: tie.source_twin for tie in plan.ties if tie.source in plan.sources},
        gone=plan.dropped,
        made={
            name: assignment.op
            for name, assignment in plan.assignments.items()
            if isinstance(assignment.op, FILLINGS)
        },
    )


def _recovery(source: str, assignments: list[Assignment]) -> Recovery:
    (op,) = {assignment.op for assignment in assignments}
    assert not isinstance(op, FILLINGS)
    ordered = sorted(assignments, key=lambda assignment: assignment.output)
    return Recovery(source=source, op=op, targets=tuple(a.target for a in ordered))
