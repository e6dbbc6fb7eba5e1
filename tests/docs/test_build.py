"""The documentation builds, and a broken link in it would not."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copyfile(ROOT / "mkdocs.yml", tmp_path / "mkdocs.yml")
    return tmp_path


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )


def test_it_builds_without_a_warning_and_has_every_page(source: Path) -> None:
    done = build(source)
    assert done.returncode == 0, done.stdout + done.stderr
    site = source / "reports" / "site"
    for page in (source / "docs").glob("*.md"):
        assert (site / f"{page.stem}.html").is_file(), page.name


def test_every_page_is_in_the_menu(source: Path) -> None:
    menu = (source / "mkdocs.yml").read_text(encoding="utf-8")
    assert all(page.name in menu for page in (source / "docs").glob("*.md"))


def test_no_page_loads_anything_from_elsewhere(source: Path) -> None:
    assert build(source).returncode == 0
    for page in (source / "reports" / "site").glob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r'<(script|link|img)[^>]+(src|href)="https?://', text), page.name


@pytest.mark.parametrize("link", ["[x](nowhere.md)", "[x](limits.md#nowhere)"])
def test_a_broken_link_stops_it(source: Path, link: str) -> None:
    with (source / "docs" / "limits.md").open("a") as page:
        page.write(f"\n{link}\n")
    assert build(source).returncode != 0
