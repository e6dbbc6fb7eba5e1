"""The database of a batch: opened, made where there is none, and its errors in words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from toolkit.core.errors import BadInput

NAME = "results.sqlite"
APPLICATION = 0x66736866
"""Says in the file's head whose it is."""
VERSION = 2
"""Of the schema; what is of an earlier one is brought up to it."""
PATIENCE_S = 60.0
"""How long another writer is waited for."""


@contextmanager
def opened(folder: Path, *, make: bool = False) -> Iterator[sqlite3.Connection]:
    """The database in a folder of results.

    Args:
        folder: The folder.
        make: Whether folder and database are made where there are none.

    Raises:
        BadInput: there is none, it is another program's or a newer toolkit's, or the system cannot
            read or write it, at any time within the context.
    """
    with worded(folder):
        if make:
            _make_folder(folder)
        elif not (folder / NAME).is_file():
            raise BadInput(
                f"`{folder}` must be a folder that `toolkit batch` wrote, but holds no `{NAME}`. "
                "Check the path."
            )
        connection = sqlite3.connect(folder / NAME, timeout=PATIENCE_S, isolation_level=None)
        try:
            connection.row_factory = sqlite3.Row
            _prepare(connection, folder, make=make)
            yield connection
        finally:
            connection.close()


@contextmanager
def worded(folder: Path) -> Iterator[None]:
    """Says what the system or SQLite refuses.

    Raises:
        BadInput: it refuses something.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        raise BadInput(
            f"`{folder / NAME}` must be a database that can be read and written, but SQLite says: "
            f"{error}. Make room, or see to the rights; the same command continues."
        ) from error
    except sqlite3.Error as error:
        raise BadInput(
            f"`{folder / NAME}` must be a whole database, but SQLite says: {error}. Get it back "
            "from a copy, or choose another folder: what was written stays where it is."
        ) from error


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All that is written within is there afterwards, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        # A full disk has rolled it back already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _make_folder(folder: Path) -> None:
    if folder.is_dir() and not (folder / NAME).exists() and any(folder.iterdir()):
        raise BadInput(
            f"`{folder}` must be a new folder or one that `toolkit batch` wrote, but holds other "
            "files. Choose another name."
        )
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"`{folder}` must be a folder that can be made, but the system says: {error.strerror}. "
            "Choose another path."
        ) from error


def _prepare(connection: sqlite3.Connection, folder: Path, *, make: bool) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    if make:
        connection.execute("PRAGMA journal_mode = WAL")
        with transaction(connection):
            if _ask(connection, "user_version") == 0 and not _has_tables(connection):
                _create(connection)
    if _ask(connection, "application_id") == APPLICATION and _is_earlier(connection):
        with transaction(connection):
            _create(connection)
    whose, version = _ask(connection, "application_id"), _ask(connection, "user_version")
    if whose != APPLICATION or not 0 < version <= VERSION:
        raise BadInput(
            f"`{folder / NAME}` must be a batch's database of version {VERSION} at most, but is "
            f"another program's or of version {version}. Use the toolkit that wrote it, or choose "
            "another folder."
        )


def _has_tables(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master").fetchone() is not None


def _is_earlier(connection: sqlite3.Connection) -> bool:
    return 0 < _ask(connection, "user_version") < VERSION


def _create(connection: sqlite3.Connection) -> None:
    """Makes all tables that are not there yet."""
    schema = files("toolkit.batch").joinpath("schema.sql").read_text(encoding="utf-8")
    statement = ""
    for line in schema.splitlines(keepends=True):
        # `executescript` would end the transaction.
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _ask(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])
