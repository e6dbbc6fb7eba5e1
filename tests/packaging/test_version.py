"""The version is said once, and everybody who says it says the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import toolkit
from toolkit.cli import app

CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"
_RELEASED = re.compile(r"^## (\d+\.\d+\.\d+) - \d{4}-\d{2}-\d{2}$", re.MULTILINE)


def newest_release(text: str) -> str:
    """The first version that a changelog dates.

    Raises:
        ValueError: it dates none, or lists them in another order than from new to old.
    """
    found = _RELEASED.findall(text)
    ordered = sorted(found, key=lambda version: [int(part) for part in version.split(".")])
    if not found or found != ordered[::-1]:
        raise ValueError(f"releases must be listed from new to old, but are {found}")
    return str(found[0])


def test_the_command_says_the_version_of_the_package() -> None:
    lines = CliRunner().invoke(app, ["--version"]).stdout.splitlines()
    assert f"toolkit {toolkit.__version__}" in lines


def test_the_wheel_has_the_version_of_the_package(wheel: Path) -> None:
    assert wheel.name.split("-")[1] == toolkit.__version__


def test_the_changelog_tells_of_the_version() -> None:
    text = CHANGELOG.read_text(encoding="utf-8")
    assert newest_release(text) == toolkit.__version__
    section = _RELEASED.split(text)[2]
    assert "### Added" in section


@pytest.mark.parametrize(
    "text",
    ["## Unreleased\n", "## 0.2.0\n", "## 0.9.0 - 2026-01-01\n\n## 0.10.0 - 2026-01-02\n"],
)
def test_a_changelog_without_dates_or_order_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="from new to old"):
        newest_release(text)
