"""A fast sample of a corpus; the rest takes minutes and is marked so."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Protocol

import pytest


class Named(Protocol):
    """A row of a corpus."""

    @property
    def name(self) -> str: ...


def sampled(rows: Iterable[Named], fast: Collection[str]) -> list[Any]:
    """The rows as parameters of a test, all but the named ones marked `slow`."""
    listed = list(rows)
    unknown = set(fast) - {row.name for row in listed}
    assert not unknown, f"no row is called {sorted(unknown)}"
    return [
        pytest.param(row, id=row.name, marks=() if row.name in fast else pytest.mark.slow)
        for row in listed
    ]
