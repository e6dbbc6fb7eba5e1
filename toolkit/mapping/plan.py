"""Rules against the names of both sides: every tensor claimed exactly once, or an error."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from toolkit.core.coverage import Reason
from toolkit.core.errors import BrokenRule
from toolkit.core.spec import TensorSpec
from toolkit.mapping.ops import FILLINGS, Filling, Identity, Op, Shape
from toolkit.mapping.patterns import Matcher, fill, match, matcher
from toolkit.mapping.rules import Drop, Fill, Row, Rule, Table, Tie


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """How one target tensor comes about."""

    target: str
    source: str | None
    """None for a filled tensor."""
    op: Op | Filling
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
    unplaced: tuple[str, ...] = ()
    """Source tensors that the target's classes have no place for."""
    unfilled: frozenset[str] = frozenset()
    """Tensors of the target's classes that the source has nothing for; not among `targets`."""
    lost: tuple[str, ...] = ()
    """Prefixes of target tensors of which nothing is known."""

    def has_no_say(self, target: str) -> bool:
        """Whether the source has nothing for a tensor that the target's classes may hold."""
        return target in self.unfilled or target.startswith(self.lost)

    @property
    def rounded(self) -> frozenset[str]:
        """Target tensors whose op cannot keep the source's values to the last bit."""
        return frozenset(
            name
            for name, assignment in self.assignments.items()
            if not isinstance(assignment.op, FILLINGS) and not assignment.op.exact
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
        table: The rows; their order has no meaning. What the user's rows claim or produce, the
            family's rows do not.
        sources: Every tensor of the checkpoint.
        targets: Every name of the target's state dict, tied twins included.

    Raises:
        BrokenRule: a source tensor is claimed by no row or by several, a target tensor is produced
            never or more than once, a row is not used, a row of the user's takes the target of a
            source that nothing else claims, or shapes do not fit; all offenders at once.
    """
    claims = _claim(table, sources)
    replaced = _user_products(table, claims)
    assigned = tuple(_effective_assignments(table, claims, replaced))
    assignments = {a.target: a for a in assigned}
    ties = tuple(_effective_ties(table, claims, replaced))
    problems = [
        *_unclaimed(table, claims),
        *_ambiguous(table, claims),
        *_stranded(table, claims, replaced),
        *_unused(table, sources),
        *_unproduced(table, assigned, ties, targets),
        *_loose_ties(table, assignments, ties),
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


def fit_plan(
    table: Table,
    sources: Mapping[str, TensorSpec],
    targets: Mapping[str, TensorSpec],
    lost: tuple[str, ...] = (),
) -> Plan:
    """As much of a plan as a target takes whose classes cannot express the source.

    Args:
        table: The rows; those that find no source or no target count for nothing.
        sources: Every tensor of the checkpoint.
        targets: Every name of the target's state dict, tied twins included.
        lost: Prefixes of targets that mean something else than the rows take them for.

    Raises:
        BrokenRule: a source tensor is claimed by several rows, or a target tensor is produced more
            than once; all offenders at once.
    """
    claims = _claim(table, sources)
    replaced = _user_products(table, claims)
    room = {name: spec for name, spec in targets.items() if not name.startswith(lost)}
    assigned = [
        assignment
        for assignment in _effective_assignments(table, claims, replaced)
        if assignment.target in room and _maybe_misshapen(assignment, sources, room) is None
    ]
    assignments = {a.target: a for a in assigned}
    ties = tuple(
        tie
        for tie in _effective_ties(table, claims, replaced)
        if tie.target in room and tie.target_twin in assignments
    )
    filled = {*assignments, *(tie.target for tie in ties)}
    kept = {name: spec for name, spec in room.items() if name in filled}
    problems = [*_ambiguous(table, claims), *_unproduced(table, assigned, ties, kept)]
    if problems:
        raise BrokenRule("\n".join(problems))
    plan = Plan(
        assignments={name: assignments[name] for name in kept if name in assignments},
        ties=ties,
        dropped=tuple(_dropped(claims)),
        sources=sources,
        targets=kept,
        unfilled=frozenset(targets) - filled,
        lost=lost,
    )
    placed = {*plan.used_sources, *(reason.name for reason in plan.dropped)}
    return replace(plan, unplaced=tuple(name for name in sources if name not in placed))


def dropped_tensors(table: Table, names: Iterable[str]) -> tuple[Reason, ...]:
    """Those of the names that a row drops, each with the row's reason."""
    return tuple(_dropped(_claim(table, names)))


def unclaimed_tensors(table: Table, names: Iterable[str]) -> tuple[Reason, ...]:
    """Those of the names that no row claims, for which there is no exact conversion."""
    because = "no rule claims it; name one with `--mapping`"
    return tuple(
        Reason(name=n, because=because) for n, rows in _claim(table, names).items() if not rows
    )


Claims = Mapping[str, tuple[tuple[Row, tuple[str, ...]], ...]]
"""By source tensor: the rows that claim it, each with the values of its slots."""


def _claim(table: Table, names: Iterable[str]) -> Claims:
    user_rows = _matchers(placed.row for placed in table.user_rows)
    family_rows = _matchers(table.family_rows)
    return {
        name: tuple(_claiming_rows(user_rows, name)) or tuple(_claiming_rows(family_rows, name))
        for name in names
    }


def _matchers(rows: Iterable[Row]) -> list[tuple[Row, Matcher]]:
    claiming = (row for row in rows if not isinstance(row, Fill) and not _is_single(row))
    return [(row, matcher(row.source)) for row in claiming]


def _is_single(row: Row) -> bool:
    return isinstance(row, Tie) and row.is_single


def _claiming_rows(
    rows: Iterable[tuple[Row, Matcher]], name: str
) -> Iterator[tuple[Row, tuple[str, ...]]]:
    for row, maybe_match in rows:
        found = maybe_match(name)
        if found is not None:
            yield row, found.groups()


def _user_products(table: Table, claims: Claims) -> dict[str, str]:
    """The targets that the user's rows produce, each with the row's origin."""
    rows = {placed.row for placed in table.user_rows}
    ties = {row.target: table.origin(row) for row in rows if isinstance(row, Tie)}
    return ties | {a.target: a.origin for a in _assignments(table, claims, rows)}


def _effective_assignments(
    table: Table, claims: Claims, replaced: Mapping[str, str]
) -> Iterator[Assignment]:
    yield from _assignments(table, claims, {placed.row for placed in table.user_rows})
    for assignment in _assignments(table, claims, table.family_rows):
        if assignment.target not in replaced:
            yield assignment


def _effective_ties(table: Table, claims: Claims, replaced: Mapping[str, str]) -> Iterator[Tie]:
    for placed in table.user_rows:
        if isinstance(placed.row, Tie):
            yield placed.row
    for row in table.family_rows:
        if isinstance(row, Tie) and row.target not in replaced and _keeps(row, claims):
            yield row


def _keeps(row: Tie, claims: Claims) -> bool:
    """Whether no row of the user's took the tie's source, if the checkpoint has it."""
    if row.is_single:
        return True
    return row.source not in claims or any(row == claimant for claimant, _ in claims[row.source])


def _assignments(table: Table, claims: Claims, rows: Collection[Row]) -> Iterator[Assignment]:
    origins = {row: table.origin(row) for row in rows}
    for source, claimants in claims.items():
        for row, slots in claimants:
            if isinstance(row, Rule) and row in origins:
                for output, target in enumerate(row.targets):
                    yield Assignment(
                        target=fill(target, slots),
                        source=source,
                        op=row.op,
                        output=output,
                        origin=origins[row],
                    )
    for row in rows:
        if isinstance(row, Fill):
            yield Assignment(
                target=row.target, source=None, op=row.values, output=0, origin=origins[row]
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
                "Add a rule, or a `Drop` with a reason; a file for `--mapping` may hold it."
            )


def _ambiguous(table: Table, claims: Claims) -> Iterator[str]:
    for name, rows in claims.items():
        if len(rows) > 1:
            origins = "; ".join(table.origin(row) for row, _ in rows)
            yield (
                f"`{name}` must match exactly one rule, but matches {len(rows)}: {origins}. "
                "Make the patterns exclude each other."
            )


def _stranded(table: Table, claims: Claims, replaced: Mapping[str, str]) -> Iterator[str]:
    """Sources whose target the user makes of something else, without a word on the source."""
    lost = [
        (a.source, a.target, a.origin)
        for a in _assignments(table, claims, table.family_rows)
        if a.source is not None
    ]
    lost += [
        (row.source, row.target, table.origin(row))
        for row in table.family_rows
        if isinstance(row, Tie) and row.source in claims and _keeps(row, claims)
    ]
    for source, target, origin in lost:
        if target in replaced:
            yield (
                f"`{source}` must have a place in the target, but `{replaced[target]}` takes "
                f"`{target}`, which `{origin}` makes of it. Add a rule for `{source}`, or a drop "
                "with a reason."
            )


def _unused(table: Table, sources: Mapping[str, TensorSpec]) -> Iterator[str]:
    # A row of the family counts as used where only the user's rows keep it from its sources.
    for row in (*table.family_rows, *(placed.row for placed in table.user_rows)):
        if not isinstance(row, (Rule, Drop)):
            continue
        if all(match(row.source, name) is None for name in sources):
            yield (
                f"`{table.origin(row)}` must match at least one source tensor, but matches none. "
                "Remove the row, or correct its pattern."
            )


def _unproduced(
    table: Table,
    assigned: Iterable[Assignment],
    ties: Iterable[Tie],
    targets: Mapping[str, TensorSpec],
) -> Iterator[str]:
    producers: dict[str, list[str]] = {}
    for target, origin in (
        *((a.target, a.origin) for a in assigned),
        *((tie.target, table.origin(tie)) for tie in ties),
    ):
        producers.setdefault(target, []).append(origin)
    for name in targets:
        origins = producers.get(name, [])
        if len(origins) != 1:
            listed, advice = "", "Add a rule, or a `Fill` with a reason."
            if origins:
                listed, advice = f": {'; '.join(origins)}", "Keep one of these rows."
            yield (
                f"`{name}` must be produced exactly once, but is produced {len(origins)} times "
                f"by `{table.name}`{listed}. {advice}"
            )
    user_origins = {placed.origin for placed in table.user_rows}
    for name, origins in producers.items():
        if name not in targets:
            blamed = [origin for origin in origins if origin in user_origins] or [table.name]
            yield (
                f"`{name}` is produced by `{'; '.join(blamed)}`, but the target model has no such "
                "tensor. Correct the target pattern."
            )


def _loose_ties(
    table: Table, assignments: Mapping[str, Assignment], ties: Iterable[Tie]
) -> Iterator[str]:
    for tie in ties:
        twin = assignments.get(tie.target_twin)
        if twin is None or twin.source != tie.source_twin:
            yield (
                f"`{table.origin(tie)}` must join what a rule joins, but no rule makes "
                f"`{tie.target_twin}` of `{tie.source_twin}`. Correct the tie."
            )


def _misshapen(
    assignments: Mapping[str, Assignment],
    sources: Mapping[str, TensorSpec],
    targets: Mapping[str, TensorSpec],
) -> Iterator[str]:
    for name, assignment in assignments.items():
        if name in targets:
            problem = _maybe_misshapen(assignment, sources, targets)
            if problem is not None:
                yield problem


def _maybe_misshapen(
    assignment: Assignment, sources: Mapping[str, TensorSpec], targets: Mapping[str, TensorSpec]
) -> str | None:
    name, expected = assignment.target, targets[assignment.target].shape
    if isinstance(assignment.op, FILLINGS) or assignment.source is None:
        square = len(expected) == 2 and expected[0] == expected[1]
        if not isinstance(assignment.op, Identity) or square:
            return None
        return (
            f"`{name}` must be a square matrix to be filled with the identity, but has shape "
            f"{expected}. The checkpoint lost a tensor, or the `Fill` is wrong."
        )
    found = _given_shape(assignment.op, sources[assignment.source].shape, assignment.output)
    if found == expected:
        return None
    return (
        f"`{name}` must have shape {expected} as config.json says, but `{assignment.source}` gives "
        f"{found} instead. Correct the configuration or the rule."
    )


def _given_shape(op: Op, source: Shape, output: int) -> Shape | None:
    """The shape of one output, or None where the op gives no such output of the source."""
    try:
        return op.shapes(source)[output]
    except IndexError:
        return None
