"""Every target says what it does, and whoever calls one calls one that is there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.packaging.makefile import ROOT, calls, described, phony, recipes

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
CALLERS = [
    ROOT / name for name in ("README.md", "CONTRIBUTING.md", ".ci/run", "CHANGELOG.md")
] + sorted((ROOT / "docs").glob("*.md"))


def called_in_code(text: str) -> set[str]:
    """The targets that are called in lines of code or between backticks, and not in prose."""
    code = re.findall(r"`[^`\n]+`|^(?:\$ )?make .*$", text, re.MULTILINE)
    return {target for line in code for target in calls(line.split("#")[0].strip("`"))}


def test_help_lists_every_target() -> None:
    assert described(MAKEFILE) == phony(MAKEFILE)
    assert set(recipes(MAKEFILE)) == phony(MAKEFILE)
    done = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    assert {line.split()[1] for line in done.stdout.splitlines()} == phony(MAKEFILE)


def test_a_target_without_a_word_is_seen() -> None:
    text = ".PHONY: a b\n\na: ## Do it.\n\ttrue\n\nb: a\n\ttrue\n"
    assert described(text) == {"a"}
    assert phony(text) == {"a", "b"}
    assert recipes(text) == {"a": ["true"], "b": ["true"]}


@pytest.mark.parametrize("caller", CALLERS, ids=lambda path: path.name)
def test_targets_that_are_called_are_there(caller: Path) -> None:
    assert called_in_code(caller.read_text(encoding="utf-8")) <= phony(MAKEFILE)


def test_a_call_of_another_target_is_seen() -> None:
    text = "We make do. Call `make nonsense check`, or\n\n$ make demo     # make it\nmake test\n"
    assert called_in_code(text) == {"nonsense", "check", "demo", "test"}


def test_where_torchaudio_goes_is_asked_of_the_environment_that_is_just_made(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        ["make", "--dry-run", "--file", ROOT / "Makefile", ".venv/.installed"],
        cwd=_beside(tmp_path),
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    (line,) = (line for line in done.stdout.splitlines() if line.endswith(" torchaudio"))
    assert "--target $(.venv/bin/python -c " in line


def _beside(folder: Path) -> Path:
    """A folder with what the environment is made from, and no environment."""
    for name in ("pyproject.toml", "constraints.txt"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    return folder
