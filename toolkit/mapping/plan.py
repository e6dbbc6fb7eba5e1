"""Rules against the names of both sides: every tensor claimed exactly once, or an error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from toolkit.core.errors import BrokenRule
from toolkit.core.result import Reason
from toolkit.core.spec import TensorSpec
from toolkit.mapping.ops import Identity, Op, Zeros
from toolkit.mapping.patterns import fill, match
from toolkit.mapping.rules import Drop, Fill, Row, Rule, Table, Tie


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """How one target tensor comes about."""

    target: str
    source: str | None
    """None for a filled tensor."""
    op: Op | Identity | Zeros
    output: int
    """Which output of the op this target is."""
    origin: str
    """The row that says so, in words."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What becomes of every tensor of both sides."""

    assignments: Mapping[str, Assignment]
    """By target name, in the target's order."""
    ties: tuple[Tie, ...]
    dropped: tuple[Reason, ...]
    sources: Mapping[str, TensorSpec]
    targets: Mapping[str, TensorSpec]

    @property
    def rounded(self) -> frozenset[str]:
        """Target tensors whose op cannot keep the source's values to the last bit."""
        return frozenset(
            name
            for name, assignment in self.assignments.items()
            if not isinstance(assignment.op, (Identity, Zeros)) and not assignment.op.exact
        )

    @property
    def used_sources(self) -> frozenset[str]:
        """Source tensors that reach the target, ties included."""
        mapped = {a.source for a in self.assignments.values() if a.source is not None}
        tied = {tie.source for tie in self.ties if tie.source in self.sources}
        return frozenset(mapped | tied)


def make_plan(
    table: Table, sources: Mapping[str, TensorSpec], targets: Mapping[str, TensorSpec]
) -> Plan:
    """The plan that the table makes of the two sides.

    Args:
        table: The rows; their order has no meaning.
        sources: Every tensor of the checkpoint.
        targets: Every name of the target's state dict, tied twins included.

    Raises:
        BrokenRule: a source tensor is claimed by no row or by several, a target tensor is produced
            never or more than once, a row is not used, or shapes do not fit; all offenders at once.
    """
    claims = {name: tuple(_claiming_rows(table, name)) for name in sources}
    assignments = {a.target: a for a in _assignments(table, claims)}
    ties = tuple(row for row in table.rows if isinstance(row, Tie))
    problems = [
        *_unclaimed(table, claims),
        *_unused(table, claims),
        *_unproduced(table, claims, ties, targets),
        *_loose_ties(assignments, ties),
        *_misshapen(assignments, sources, targets),
    ]
    if problems:
        raise BrokenRule("\n".join(problems))
    return Plan(
        assignments={name: assignments[name] for name in targets if name in assignments},
        ties=ties,
        dropped=tuple(_dropped(claims)),
        sources=sources,
        targets=targets,
    )


def _claiming_rows(table: Table, name: str) -> Iterator[tuple[Row, tuple[str, ...]]]:
    for row in table.rows:
        if isinstance(row, Fill):
            continue
        slots = match(row.source, name)
        if slots is not None:
            yield row, slots


Claims = Mapping[str, tuple[tuple[Row, tuple[str, ...]], ...]]


def _assignments(table: Table, claims: Claims) -> Iterator[Assignment]:
    for source, rows in claims.items():
        for row, slots in rows:
            if isinstance(row, Rule):
                for output, target in enumerate(row.targets):
                    yield Assignment(
                        target=fill(target, slots),
                        source=source,
                        op=row.op,
                        output=output,
                        origin=table.origin(row),
                    )
    for row in table.rows:
        if isinstance(row, Fill):
            yield Assignment(
                target=row.target, source=None, op=row.values, output=0, origin=table.origin(row)
            )


def _dropped(claims: Claims) -> Iterator[Reason]:
    for name, rows in claims.items():
        for row, _ in rows:
            if isinstance(row, Drop):
                yield Reason(name=name, because=row.because)


def _unclaimed(table: Table, claims: Claims) -> Iterator[str]:
    for name, rows in claims.items():
        if not rows:
            yield (
                f"`{name}` matches no rule of `{table.name}`. "
                "Add a rule, or a `Drop` with a reason."
            )
        if len(rows) > 1:
            origins = "; ".join(table.origin(row) for row, _ in rows)
            yield (
                f"`{name}` must match exactly one rule, but matches {len(rows)}: {origins}. "
                "Make the patterns exclude each other."
            )


def _unused(table: Table, claims: Claims) -> Iterator[str]:
    used = {row for rows in claims.values() for row, _ in rows}
    for row in table.rows:
        if row not in used and isinstance(row, (Rule, Drop)):
            yield (
                f"`{table.origin(row)}` must match at least one source tensor, but matches none. "
                "Remove the row, or correct its pattern."
            )


def _unproduced(
    table: Table,
    claims: Claims,
    ties: Iterable[Tie],
    targets: Mapping[str, TensorSpec],
) -> Iterator[str]:
    produced = Counter(assignment.target for assignment in _assignments(table, claims))
    produced.update(tie.target for tie in ties)
    for name in targets:
        if produced[name] != 1:
            yield (
                f"`{name}` must be produced exactly once, but is produced {produced[name]} times "
                f"by `{table.name}`. Add a rule, or a `Fill` with a reason."
            )
    for name in produced:
        if name not in targets:
            yield (
                f"`{name}` is produced by `{table.name}`, but the target model has no such tensor. "
                "Correct the target pattern."
            )


def _loose_ties(assignments: Mapping[str, Assignment], ties: Iterable[Tie]) -> Iterator[str]:
    for tie in ties:
        twin = assignments.get(tie.target_twin)
        if twin is None or twin.source != tie.source_twin:
            yield (
                f"`{tie}` must join what a rule joins, but no rule makes `{tie.target_twin}` of "
                f"`{tie.source_twin}`. Correct the tie."
            )


def _misshapen(
    assignments: Mapping[str, Assignment],
    sources: Mapping[str, TensorSpec],
    targets: Mapping[str, TensorSpec],
) -> Iterator[str]:
    for name, assignment in assignments.items():
        if name not in targets:
            continue
        expected = targets[name].shape
        if isinstance(assignment.op, Identity) and (
            len(expected) != 2 or expected[0] != expected[1]
        ):
            yield (
                f"`{name}` must be a square matrix to be filled with the identity, but has shape "
                f"{expected}. The checkpoint lost a tensor, or the `Fill` is wrong."
            )
        if assignment.source is None or isinstance(assignment.op, (Identity, Zeros)):
            continue
        shapes = assignment.op.shapes(sources[assignment.source].shape)
        found = shapes[assignment.output] if assignment.output < len(shapes) else None
        if found != expected:
            yield (
                f"`{name}` must have shape {expected} as config.json says, but "
                f"`{assignment.source}` gives {found} instead. Correct the configuration or the "
                "rule."
            )
