"""A few facts for the terminal, each in a row or two behind what it is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from textwrap import wrap

from toolkit.report.text import show_controls

_LABEL = 10
"""Columns of what stands before a row."""
_MAX_LINES_EACH = 2
_FEWEST_COLUMNS = 20


def fold_rows(
    rows: Iterable[tuple[str, str]], columns: int, *, kept_whole: Collection[str] = ()
) -> str:
    """The facts as lines, at most two each; words are never broken.

    Args:
        rows: Each with its label.
        columns: Of the terminal; a path may be longer than a line.
        kept_whole: Labels of what a reader copies: one line, however long.
    """
    room = max(columns - _LABEL, _FEWEST_COLUMNS)
    return "\n".join(
        f"{label if first else '':{_LABEL}}{line}"
        for label, said in rows
        for first, line in _fold(show_controls(said), room, keeps=label in kept_whole)
    )


def _fold(said: str, room: int, *, keeps: bool) -> Iterator[tuple[bool, str]]:
    """Lines of whole words, each with whether it is the first; what is too long ends in `...`."""
    lines = wrap(
        said,
        len(said) + 1 if keeps else room,
        max_lines=_MAX_LINES_EACH,
        placeholder=" ...",
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
        drop_whitespace=not keeps,
    )
    return ((not number, line) for number, line in enumerate(lines))
