"""How an outcome looks where it is the last line of a cell: a headline, and a few short tables."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

ALIGNED = "style='text-align:left;vertical-align:top'"
"""Of a cell: notebooks align texts to the right."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Rows of text under headings."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


class Displayed(ABC):
    """An outcome that a person looks at: it says what it is in one line, and shows some tables."""

    @property
    @abstractmethod
    def headline(self) -> str:
        """What it is, in one line."""

    @abstractmethod
    def grids(self) -> Iterator[Grid]:
        """What a person wants to see of it first."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.headline}>"

    def _repr_html_(self) -> str:
        """What notebooks show; every text in it is escaped."""
        grids = "".join(_table(grid) for grid in self.grids() if grid.rows)
        return f"<div><p><b>{_escaped(self.headline)}</b></p>{grids}</div>"


def _table(grid: Grid) -> str:
    head = "".join(f"<th {ALIGNED}>{_escaped(text)}</th>" for text in grid.headings)
    rows = "".join(f"<tr>{_cells(row)}</tr>" for row in grid.rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _cells(row: Sequence[str]) -> str:
    return "".join(f"<td {ALIGNED}>{_escaped(text)}</td>" for text in row)


def _escaped(text: str) -> str:
    from html import escape

    return escape(text)
