"""The documentation builds, and a broken link in it would not."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import toolkit
from tests.sampling import slow

ROOT = Path(__file__).parents[2]


def copy_source(folder: Path) -> Path:
    shutil.copytree(ROOT / "docs", folder / "docs")
    shutil.copyfile(ROOT / "mkdocs.yml", folder / "mkdocs.yml")
    (folder / "toolkit").symlink_to(ROOT / "toolkit")
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return copy_source(tmp_path)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pages of the repository become, built once."""
    folder = copy_source(tmp_path_factory.mktemp("documentation"))
    done = build(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "reports" / "site"


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )


def test_it_builds_without_a_warning_and_has_every_page(site: Path) -> None:
    for page in (ROOT / "docs").glob("*.md"):
        assert (site / f"{page.stem}.html").is_file(), page.name


def test_every_page_is_in_the_menu() -> None:
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert all(page.name in menu for page in (ROOT / "docs").glob("*.md"))


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    for page in site.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r'<(script|link|img)[^>]+(src|href)="https?://', text), page.name


@pytest.mark.parametrize("link", [slow("[x](nowhere.md)"), "[x](limits.md#nowhere)"])
def test_a_broken_link_stops_it(source: Path, link: str) -> None:
    with (source / "docs" / "limits.md").open("a") as page:
        page.write(f"\n{link}\n")
    assert build(source).returncode != 0


def undescribed(page: str) -> list[str]:
    """Public names that a built page does not describe under a heading of their own."""
    return [name for name in toolkit.__all__ if f'id="toolkit.{name}"' not in page]


def test_the_reference_describes_every_public_name(site: Path) -> None:
    page = (site / "api.html").read_text(encoding="utf-8")
    assert undescribed(page) == []
    assert "Weights of one file; what is more is written in several" in page
    assert 'id="toolkit.Result.findings"' in page


def test_a_public_name_that_is_left_out_of_the_reference_is_seen(site: Path) -> None:
    page = (site / "api.html").read_text(encoding="utf-8")
    assert undescribed(page.replace('id="toolkit.diff"', "")) == ["diff"]


@pytest.mark.slow
def test_a_name_that_does_not_exist_stops_it(source: Path) -> None:
    with (source / "docs" / "api.md").open("a") as page:
        page.write("\n::: toolkit.nonsense\n")
    assert build(source).returncode != 0
