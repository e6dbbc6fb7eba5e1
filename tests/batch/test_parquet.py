"""Every table of a batch becomes a Parquet file with the same rows."""

from __future__ import annotations

import os
import resource
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyarrow import parquet

from toolkit.batch import parquet as writing
from toolkit.batch.database import opened
from toolkit.batch.overview import report
from toolkit.batch.parquet import write_parquet
from toolkit.core.errors import BadInput


def rows_of(connection: sqlite3.Connection, table: str) -> list[dict[str, object]]:
    return [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]


def test_each_table_is_a_file_with_its_rows(results: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(writing, "GROUP_ROWS", 3)
    report(results, parquet=tmp_path / "tables")
    names = sorted(path.stem for path in (tmp_path / "tables").iterdir())
    assert names == sorted(
        ["checkpoints", "files", "findings", "jobs", "levels", "modules", "places", "tokens"]
    )
    with opened(results) as connection:
        for name in names:
            made = parquet.read_table(tmp_path / "tables" / f"{name}.parquet")
            assert made.to_pylist() == rows_of(connection, name)
    groups = parquet.ParquetFile(tmp_path / "tables" / "modules.parquet").metadata
    assert groups.row_group(0).num_rows == 3


def test_no_group_holds_more_text_than_memory(results: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(writing, "GROUP_CHARS", 1)
    report(results, parquet=tmp_path / "tables")
    assert parquet.ParquetFile(tmp_path / "tables" / "jobs.parquet").num_row_groups == 3


def test_a_folder_that_is_there_is_left_alone(results: Path, tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    with pytest.raises(BadInput, match="must not exist yet"):
        report(results, parquet=tmp_path / "tables")
    assert os.listdir(tmp_path / "tables") == []


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may grow beyond two kilobytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_files")
def test_tables_that_cannot_be_written_leave_nothing(tmp_path: Path) -> None:
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    connection.execute("CREATE TABLE t (a TEXT) STRICT")
    connection.execute("INSERT INTO t VALUES (hex(randomblob(100000)))")
    with pytest.raises(BadInput, match="that can be written, but .*File too large"):
        write_parquet(connection, tmp_path / "tables")
    assert os.listdir(tmp_path) == []


def test_without_its_package_nothing_is_begun(results: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(writing, "find_spec", lambda _: None)
    with pytest.raises(BadInput, match=r"Install `fairseq-hf-toolkit\[parquet\]`"):
        report(results, parquet=tmp_path / "tables")
    assert not (tmp_path / "tables").exists()
