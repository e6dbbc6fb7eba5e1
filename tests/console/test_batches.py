"""What can be asked of a batch at a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.batch.made import fill_shelf, make_results
from toolkit.cli import app
from toolkit.report.files import is_report


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Of three checkpoints."""
    return make_results(fill_shelf(tmp_path))


def test_the_page_of_a_batch_lies_in_its_results_and_is_written_again(results: Path) -> None:
    for _ in range(2):
        done = CliRunner().invoke(app, ["batch", "report", str(results)])
        assert (done.exit_code, done.stderr) == (0, "")
        assert f"page: {results / 'index.html'}" in done.stdout
    assert is_report(results / "index.html")


def test_a_folder_that_is_none_of_a_batch_is_named(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["batch", "report", str(tmp_path / "none")])
    assert done.exit_code == 2
    assert "must be a folder that `toolkit batch` wrote" in done.stderr


def test_a_page_of_somebody_else_is_left_alone(results: Path) -> None:
    (results / "index.html").write_text("mine")
    done = CliRunner().invoke(app, ["batch", "report", str(results)])
    assert done.exit_code == 2
    assert (results / "index.html").read_text() == "mine"


def test_the_page_goes_where_it_is_told(results: Path, tmp_path: Path) -> None:
    words = ["batch", "report", str(results), "--html", str(tmp_path / "o.html"), "--json", "-"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0
    assert '"rows"' in done.stdout
    assert not (results / "index.html").exists()


def test_who_only_asks_is_told_of_nothing_done_now_and_where_tables_are(
    results: Path, tmp_path: Path
) -> None:
    for words in (["status", str(results)], ["report", str(results)]):
        assert "done now" not in CliRunner().invoke(app, ["batch", *words]).stdout
    tables = tmp_path / "tables"
    words = ["batch", "report", str(results), "--parquet", str(tables)]
    assert f"tables: {tables}" in CliRunner().invoke(app, words).stdout
    assert {"jobs.parquet", "levels.parquet"} <= {path.name for path in tables.iterdir()}
