"""The database is the batch's own, and is there whole or not at all."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from toolkit.batch.database import NAME, VERSION, opened, transaction
from toolkit.core.errors import BadInput


def test_a_new_one_has_its_version_and_writes_ahead(tmp_path: Path) -> None:
    with opened(tmp_path / "r", make=True) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == VERSION
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def write_half(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        connection.execute("INSERT INTO files VALUES ('a', 1, 1, 1, 'b')")
        connection.execute("INSERT INTO files VALUES ('a', 1, 1, 1, NULL)")


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with opened(tmp_path / "r", make=True) as connection:
        with pytest.raises(sqlite3.IntegrityError):
            write_half(connection)
        assert connection.execute("SELECT count(*) FROM files").fetchone()[0] == 0


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(BadInput, match="holds other files"), opened(tmp_path, make=True):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_without_results_is_refused_to_who_asks(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=f"holds no `{NAME}`"), opened(tmp_path):
        pass


@pytest.mark.parametrize("statement", ["PRAGMA user_version = 99", "PRAGMA application_id = 1"])
def test_a_database_of_others_or_of_later_is_refused(tmp_path: Path, statement: str) -> None:
    with opened(tmp_path / "r", make=True) as connection:
        connection.execute(statement)
    with pytest.raises(BadInput, match="must be a batch's database"), opened(tmp_path / "r"):
        pass


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"not a database, though it is long enough to be one" * 40)
    with pytest.raises(BadInput, match="SQLite says: file is not a database"), opened(tmp_path):
        pass


def test_a_reader_and_a_writer_are_there_at_once(tmp_path: Path) -> None:
    with opened(tmp_path / "r", make=True) as writer, opened(tmp_path / "r") as reader:
        with transaction(writer):
            writer.execute("INSERT INTO files VALUES ('a', 1, 1, 1, 'b')")
            assert reader.execute("SELECT count(*) FROM files").fetchone()[0] == 0
        assert reader.execute("SELECT count(*) FROM files").fetchone()[0] == 1
        assert isinstance(reader, sqlite3.Connection)
