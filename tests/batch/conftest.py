"""A shelf of checkpoints, one of them cut off, and what to do with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.batch import made

CONVERT = made.CONVERT
Write = Callable[[str], Path]


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """Three checkpoints, one of which is cut off."""
    return made.fill_shelf(tmp_path)


@pytest.fixture
def results(shelf: Path) -> Path:
    """Of them one could not be read, one matches, one does not."""
    return made.make_results(shelf)


@pytest.fixture
def write(shelf: Path) -> Write:
    """Writes a file of jobs beside the checkpoints."""

    def write(text: str) -> Path:
        path = shelf / "jobs.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write
