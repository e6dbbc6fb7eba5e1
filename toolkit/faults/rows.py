"""What goes wrong with the rows of a tokenizer, in whatever file they lie."""

from __future__ import annotations

from typing import TypeVar

from toolkit.core.slips import TOKENIZER_CONFIG
from toolkit.faults.fault import Break, Fault, Truth

Row = TypeVar("Row")


def row_fault(
    kind: str, where: str, break_folder: Break, *files: str, key: str | None = None
) -> Fault:
    """A fault of the tokenizer; one of `tokenizer_config.json` may be named by file or key.

    Args:
        kind: The class of the fault.
        where: What it is called after.
        break_folder: Breaks a folder.
        *files: All that are changed, and no others.
        key: That of `tokenizer_config.json`, where one is changed.
    """
    keys = {f"{TOKENIZER_CONFIG.removesuffix('.json')}.{key}"} if key is not None else set()
    return Fault(
        name=f"{kind}:{where}",
        kind=kind,
        part="tokenizer",
        truth=Truth(
            config_keys=frozenset({*files, *keys}),
            hypotheses=frozenset({"wrong_vocabulary"}),
            files=frozenset(files),
        ),
        break_folder=break_folder,
    )


def swap(rows: list[Row], *, first: int, second: int) -> list[Row]:
    """Two rows in each other's place."""
    rows[first], rows[second] = rows[second], rows[first]
    return rows


def rotate(rows: list[Row], *, first: int, last: int) -> list[Row]:
    """The rows from one to another one further down, the last of them first."""
    return [*rows[:first], rows[last], *rows[first:last], *rows[last + 1 :]]


def drop(rows: list[Row], *, row: int) -> list[Row]:
    """All rows but one, those behind it one further up."""
    return rows[:row] + rows[row + 1 :]
