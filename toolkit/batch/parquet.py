"""The tables of a batch's database as Parquet, for programs that read no SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.core.errors import BadInput, reason_of
from toolkit.folder.staging import staged_folder

if TYPE_CHECKING:
    from pyarrow import Schema

GROUP_ROWS = 65_536
GROUP_CHARS = 1 << 25
"""As much as is held at a time: so many rows, or as many as hold so much text."""
Row = Sequence[int | float | str | None]


def expect_parquet() -> None:
    """Makes sure that such files can be written here.

    Raises:
        BadInput: they cannot.
    """
    if find_spec("pyarrow") is None:
        raise BadInput(
            "`--parquet` needs the package `pyarrow`, but it is not installed. Install "
            "`fairseq-hf-toolkit[parquet]`."
        )


def write_parquet(connection: sqlite3.Connection, folder: Path) -> None:
    """Writes each table as one file that bears its name, all of them or none.

    Args:
        connection: The database, within a transaction, so that tables are of one moment.
        folder: A new folder.

    Raises:
        BadInput: the folder is there, or cannot be written.
    """
    with staged_folder(folder) as staged:
        try:
            for table in _tables(connection):
                _write_table(connection, table, staged.path / f"{table}.parquet")
        except OSError as error:
            raise BadInput(
                f"`{folder}` must be a folder that can be written, but {reason_of(error)}. "
                "Make room, or choose another one."
            ) from error
        staged.publish()


def _tables(connection: sqlite3.Connection) -> list[str]:
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    return [row["name"] for row in found.fetchall()]


def _write_table(connection: sqlite3.Connection, table: str, path: Path) -> None:
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    schema = _schema(connection, table)
    with ParquetWriter(path, schema, compression="zstd") as writer:
        for rows in _groups(connection.execute(f"SELECT * FROM {table}")):
            columns = zip(*rows, strict=True)
            arrays = [
                pyarrow.array(values, field.type)
                for values, field in zip(columns, schema, strict=True)
            ]
            writer.write_batch(pyarrow.record_batch(arrays, schema=schema))


def _schema(connection: sqlite3.Connection, table: str) -> Schema:
    """The columns with their types, which the tables enforce."""
    import pyarrow

    types = {
        "INTEGER": pyarrow.int64(),
        "REAL": pyarrow.float64(),
        "TEXT": pyarrow.large_string(),
    }
    columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
    return pyarrow.schema(
        [
            pyarrow.field(
                column["name"],
                types[column["type"]],
                nullable=not column["notnull"] and not column["pk"],
            )
            for column in columns
        ]
    )


def _groups(rows: sqlite3.Cursor) -> Iterator[list[Row]]:
    """The rows in groups that memory holds."""
    group: list[Row] = []
    chars = 0
    for row in rows:
        group.append(tuple(row))
        chars += sum(len(value) for value in row if isinstance(value, str))
        if len(group) >= GROUP_ROWS or chars >= GROUP_CHARS:
            yield group
            group, chars = [], 0
    if group:
        yield group
