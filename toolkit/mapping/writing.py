"""Writes a mapping file: rows that differ by the number of a layer alone are one row."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from toolkit.checkpoint.recipes import Recipe
from toolkit.core.errors import BadInput
from toolkit.mapping.makes import Inferred, Make
from toolkit.mapping.patterns import match

_NUMBER = re.compile(r"(?:^|(?<=\.))(0|[1-9][0-9]*)(?=\.|$)")
SLOT = "{i}"


@dataclass(frozen=True, kw_only=True)
class Written:
    """A row and what is said of it."""

    make: Make
    evidence: str


@dataclass(frozen=True, kw_only=True)
class Left:
    """A tensor without a place, and why that is right."""

    source: str
    because: str


def rows_of(recipes: Iterable[tuple[Recipe, str]], names: Collection[str]) -> tuple[Written, ...]:
    """Rows for what is to be done, as few as there can be.

    Args:
        recipes: What is done, each with its evidence.
        names: All tensors of the checkpoint.

    Raises:
        BadInput: a name cannot stand in a mapping file.
    """
    groups: dict[object, list[tuple[Recipe, str]]] = defaultdict(list)
    for recipe, evidence in recipes:
        _expect_writable((*recipe.sources, *recipe.targets))
        groups[_pattern(recipe)].append((recipe, evidence))
    return tuple(row for members in groups.values() for row in _rows(members, names))


def render(
    rows: Iterable[Written],
    left: Iterable[Left],
    architecture: str | None,
    inferred: Inferred,
    remarks: Sequence[str],
) -> str:
    """The text of a mapping file.

    Args:
        rows: What is made.
        left: What is dropped.
        architecture: What fairseq calls the model; None where the checkpoint says so.
        inferred: What is known of the rows.
        remarks: Comments of the head, a line each.
    """
    head = "".join(f"# {_plain(remark)}\n" for remark in remarks)
    named = f"architecture:\n  - is: {_quoted(architecture)}\n" if architecture else ""
    dropped = "".join(
        f"  - source: {_quoted(one.source)}\n    because: {_quoted(one.because)}\n" for one in left
    )
    return (
        f"{head}{named}make:\n{''.join(map(_row, rows))}"
        + (f"drop:\n{dropped}" if dropped else "")
        + "inferred:\n"
        + f"  - held: {inferred.held}\n    because: {_quoted(inferred.because)}\n"
        + f"    checkpoint: {_quoted(inferred.checkpoint)}\n    rows: {_quoted(inferred.rows)}\n"
    )


def _row(row: Written) -> str:
    make = row.make
    axes = f"    axes: {list(make.axes)}\n" if make.axes else ""
    order = f"    order: {list(make.order)}\n" if make.order else ""
    return (
        f"  # {_plain(row.evidence)}\n"
        f"  - from: {_several(make.sources)}\n    to: {_several(make.targets)}\n{axes}{order}"
    )


def _several(patterns: Sequence[str]) -> str:
    if len(patterns) == 1:
        return _quoted(patterns[0])
    return f"[{', '.join(map(_quoted, patterns))}]"


def _quoted(text: str) -> str:
    """A text as YAML and JSON both quote it."""
    return json.dumps(text, ensure_ascii=False)


def _plain(text: str) -> str:
    """A text for one line of a comment."""
    said = " ".join(text.split())
    return said if said.isprintable() else ascii(said)[1:-1]


def _expect_writable(names: Iterable[str]) -> None:
    for name in names:
        if not name or not name.isprintable() or set("{}") & set(name):
            raise BadInput(
                f"`{ascii(name)[1:-1]:.120}` must be a printable name without braces to stand in a "
                "mapping file, but is none. Rename the tensor in a copy of the checkpoint."
            )


def _pattern(recipe: Recipe) -> object:
    numbers = {tuple(_NUMBER.findall(name)) for name in (*recipe.sources, *recipe.targets)}
    if len(numbers) > 1:
        return recipe
    patterns = [tuple(_NUMBER.sub(SLOT, n) for n in s) for s in (recipe.sources, recipe.targets)]
    return (*patterns, recipe.axes, recipe.order)


def _rows(members: Sequence[tuple[Recipe, str]], names: Collection[str]) -> Iterator[Written]:
    """One row for all if its pattern is for no other tensor; else one for each."""
    evidence = list(dict.fromkeys(said for _, said in members))
    first = members[0][0]
    if len(members) > 1 and len(evidence) == 1:
        make = _general(first, [recipe for recipe, _ in members])
        known = {recipe.sources[0] for recipe, _ in members}
        if {name for name in names if match(make.sources[0], name) is not None} == known:
            yield Written(make=make, evidence=evidence[0])
            return
    for recipe, said in members:
        yield Written(
            make=Make(
                sources=recipe.sources,
                targets=recipe.targets,
                axes=recipe.axes,
                order=recipe.order,
            ),
            evidence=said,
        )


def _general(first: Recipe, recipes: Sequence[Recipe]) -> Make:
    """The row that says all of them, with slots where their numbers differ."""
    columns = list(zip(*(_NUMBER.findall(recipe.sources[0]) for recipe in recipes), strict=True))
    varies = [len(set(column)) > 1 for column in columns]

    def slotted(name: str) -> str:
        places = iter(varies)
        return _NUMBER.sub(lambda found: SLOT if next(places) else found[0], name)

    return Make(
        sources=tuple(map(slotted, first.sources)),
        targets=tuple(map(slotted, first.targets)),
        axes=first.axes,
        order=first.order,
    )
