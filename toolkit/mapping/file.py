"""The user's own rows and renames, read from a YAML file that is data only."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias, TypeVar

from toolkit.checkpoint.recipes import Recipe
from toolkit.checkpoint.renamed import Rename
from toolkit.core.errors import BadInput
from toolkit.mapping.document import compose
from toolkit.mapping.entries import Entry, read_entries
from toolkit.mapping.makes import Inferred, Make, make_row, seal
from toolkit.mapping.ops import Copy, Op, SplitWeightNorm
from toolkit.mapping.patterns import match
from toolkit.mapping.problems import Problems, shown
from toolkit.mapping.rules import Drop, Fill, PlacedRow, Row, Rule, Table, Tie, Transpose
from toolkit.mapping.sections import SLOT


@dataclass(frozen=True, kw_only=True)
class MappingFile:
    """What a mapping file says."""

    path: Path
    renames: tuple[Rename, ...]
    """Applied to the checkpoint before anything else looks at it."""
    rows: tuple[PlacedRow, ...]
    """In the order of the file."""
    makes: tuple[Make, ...] = ()
    """Applied after the renames and what wraps a model, before anything else."""
    architecture: str | None = None
    """What fairseq calls a model of these tensors, in the place of what the checkpoint says."""
    inferred: Inferred | None = None
    """What is known of the rows where a tool has found them; None where somebody wrote them."""

    def drops(self, name: str) -> bool:
        """Whether a row of this file drops the source tensor, by its name after the renames."""
        drops = (placed.row for placed in self.rows if isinstance(placed.row, Drop))
        return any(match(row.source, name) is not None for row in drops)

    def recipes(self, names: Collection[str]) -> tuple[Recipe, ...]:
        """What `make` does with tensors of these names.

        Raises:
            BadInput: a row of it is for none of them.
        """
        found = [(row, tuple(row.recipes(names))) for row in self.makes]
        idle = [row.origin for row, recipes in found if not recipes]
        if idle:
            listed = "\n".join(
                f"`{origin}` must take at least one tensor of the checkpoint, but takes none. "
                "Correct the row, or remove it."
                for origin in idle
            )
            raise BadInput(listed)
        return tuple(recipe for _, recipes in found for recipe in recipes)

    @property
    def seal(self) -> str:
        """See `toolkit.mapping.makes.seal`."""
        return seal(self.makes, [(r.source, r.target) for r in self.renames], self.architecture)


def read_mapping(path: Path) -> MappingFile:
    """Returns the renames and rows of a mapping file. Nothing in the file runs.

    Raises:
        BadInput: The file cannot be read, is no YAML, or breaks its format; every problem with its
            line, in one error.
    """
    problems = Problems(path)
    entries = tuple(read_entries(problems, compose(problems)))
    made = [(entry, _make(problems, entry)) for entry in entries]
    rows = [(entry.line, row) for entry, row in made if isinstance(row, (Rule, Drop, Fill, Tie))]
    renames = [(entry.line, row) for entry, row in made if isinstance(row, Rename)]
    _check_duplicates(problems, rows)
    _check_overlaps(problems, renames)
    architecture = _check_single(problems, "architecture", made, str)
    inferred = _check_single(problems, "inferred", made, Inferred)
    if not entries and problems.is_empty:
        problems.add(1, "the file must have at least one entry, but has none")
    problems.finish()
    rows.sort(key=lambda pair: pair[0])
    return MappingFile(
        path=path,
        makes=tuple(row for _, row in made if isinstance(row, Make)),
        architecture=architecture,
        inferred=inferred,
        renames=tuple(rename for _, rename in renames),
        rows=tuple(PlacedRow(row=row, file=path.name, line=line) for line, row in rows),
    )


def extend_table(table: Table, mapping: MappingFile) -> Table:
    """The family's table with the user's rows, which go before the family's."""
    return replace(table, user_rows=(*table.user_rows, *mapping.rows))


# Rows


Made: TypeAlias = "Row | Rename | Make | Inferred | str"
"""What an entry says; a text is the name of an architecture."""


def _make(problems: Problems, entry: Entry) -> Made | None:
    if not entry.whole:
        return None
    try:
        return _MAKERS[entry.section](problems, entry)
    except ValueError as problem:
        problems.add(entry.line, str(problem))
        return None


def _make_rename(problems: Problems, entry: Entry) -> Rename:
    source, target = entry.values["from"], entry.values["to"]
    if source == target:
        raise ValueError(f"`from` and `to` must differ, but both are `{shown(source)}`")
    if source.endswith(".") != (target.endswith(".") or not target):
        raise ValueError(
            f"`from` and `to` must both end with a dot or both not, but are `{shown(source)}` and "
            f"`{shown(target)}`"
        )
    origin = f"{problems.path.name}, line {entry.line}: {source} -> {target}"
    return Rename(source=source, target=target, origin=origin)


def _make_rule(_: Problems, entry: Entry) -> Rule:
    source, targets = entry.values["source"], entry.values["target"]
    for target in targets:
        if SLOT.findall(target) != SLOT.findall(source):
            raise ValueError(
                f"`source` and `target` must have the same slots in the same order, as their "
                f"values are carried over, but are `{shown(source)}` and `{shown(target)}`"
            )
    op = _make_op(entry)
    wanted = 2 if isinstance(op, SplitWeightNorm) else 1
    if len(targets) != wanted:
        raise ValueError(f"`target` must name {wanted} for this `op`, but names {len(targets)}")
    return Rule(source, targets[0] if wanted == 1 else targets, op)


def _make_make(problems: Problems, entry: Entry) -> Make:
    sources, targets = entry.values["from"], entry.values["to"]
    origin = f"{problems.path.name}, line {entry.line}: {' + '.join(sources)} -> "
    return make_row(
        sources,
        targets,
        entry.values.get("axes"),
        entry.values.get("order", ()),
        origin + " + ".join(targets),
    )


def _make_op(entry: Entry) -> Op:
    name = entry.values.get("op", "copy")
    if name == "transpose":
        return Transpose(*entry.values.get("axes", (0, 1)))
    if "axes" in entry.values:
        raise ValueError(f"`axes` must stand with `op: transpose`, but `op` is `{name}`")
    return SplitWeightNorm() if name == "split_weight_norm" else Copy()


_Maker: TypeAlias = Callable[[Problems, Entry], Made]
_MAKERS: Mapping[str, _Maker] = {
    "architecture": lambda _, entry: str(entry.values["is"]),
    "inferred": lambda _, entry: Inferred(**entry.values),
    "rename": _make_rename,
    "make": _make_make,
    "rules": _make_rule,
    "drop": lambda _, entry: Drop(**entry.values),
    "fill": lambda _, entry: Fill(**entry.values),
    "tie": lambda _, entry: Tie(**entry.values),
}


# What entries are to each other


def _check_duplicates(problems: Problems, rows: Iterable[tuple[int, Row]]) -> None:
    first: dict[tuple[str, str], int] = {}
    for line, row in rows:
        for claim in _claims(row):
            if claim in first:
                what, name = claim
                problems.add(
                    line,
                    f"the {what} `{shown(name)}` must stand in one entry, but stands in line "
                    f"{first[claim]} already",
                )
            first.setdefault(claim, line)


_Kind = TypeVar("_Kind", str, Inferred)


def _check_single(
    problems: Problems,
    section: str,
    made: Iterable[tuple[Entry, Made | None]],
    kind: type[_Kind],
) -> _Kind | None:
    """The one row of a kind, None where there is none."""
    found = [(entry.line, row) for entry, row in made if isinstance(row, kind)]
    for line, _ in found[1:]:
        problems.add(line, f"`{section}` must have one entry, but has {len(found)}")
    return found[0][1] if found else None


def _claims(row: Row) -> Iterator[tuple[str, str]]:
    if not isinstance(row, Fill):
        yield "source", row.source
    if isinstance(row, (Fill, Tie)):
        yield "target", row.target


def _check_overlaps(problems: Problems, renames: Iterable[tuple[int, Rename]]) -> None:
    # In this order, all that begin with a prefix stand right after it.
    ordered = sorted(renames, key=lambda pair: (pair[1].source, pair[0]))
    widest: tuple[int, Rename] | None = None
    for line, rename in ordered:
        if widest is None or not _covers(widest[1], rename):
            widest = line, rename
            continue
        problems.add(
            line,
            f"`from: {shown(rename.source)}` must exclude every other rename, but overlaps with "
            f"`from: {shown(widest[1].source)}` in line {widest[0]}",
        )


def _covers(wide: Rename, rename: Rename) -> bool:
    return wide.source == rename.source or wide.apply(rename.source) is not None
