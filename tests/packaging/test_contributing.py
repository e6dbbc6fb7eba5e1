"""What CONTRIBUTING.md points at is there."""

from __future__ import annotations

import re

import pytest

from tests.packaging.makefile import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
_PATH = re.compile(r"`(\.?[\w.-]+(?:/[\w.-]*)+|[\w-]+\.(?:md|toml|txt))`|\]\(([\w/.-]+)\)")
MADE = (".venv/bin",)


def missing(text: str) -> list[str]:
    """Paths that a text names between backticks or links to, and that are not there."""
    found = {match[1] or match[2] for match in _PATH.finditer(text)}
    return sorted(path for path in found if not (ROOT / path).exists() and path not in MADE)


def test_every_path_that_it_names_is_there() -> None:
    assert missing(TEXT) == []


@pytest.mark.parametrize("text", ["see `toolkit/nowhere.py`", "[x](docs/nowhere.md)", "`no.md`"])
def test_a_path_that_is_gone_is_seen(text: str) -> None:
    assert len(missing(text)) == 1


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("LEVELS", "toolkit/tasks/speech_seq2seq/levels.py"),
        ("_TESTS", "toolkit/diagnosis/hypotheses.py"),
        ("KINDS", "toolkit/faults/single_tensors.py"),
    ],
)
def test_every_table_that_it_names_is_where_it_says(name: str, file: str) -> None:
    assert f"`{name}`" in TEXT
    assert re.search(rf"^{name}\b.*=", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
