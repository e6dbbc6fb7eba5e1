"""Claims of batches that run: each is a lock that its process holds while it lives."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

CLAIMS = "claims"
"""Folder of the locks, in the results."""


@contextmanager
def held(folder: Path) -> Iterator[str]:
    """A claim, as long as this process lives."""
    (folder / CLAIMS).mkdir(exist_ok=True)
    claim = secrets.token_hex(8)
    lock = FileLock(_lock_path(folder, claim))
    with lock:
        try:
            yield claim
        finally:
            Path(lock.lock_file).unlink(missing_ok=True)


@contextmanager
def inherited(folder: Path, claim: str) -> Iterator[bool]:
    """Whether nobody holds a claim any more; nobody else inherits it meanwhile."""
    lock = FileLock(_lock_path(folder, claim))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)


def interrupted(connection: sqlite3.Connection, folder: Path) -> frozenset[str]:
    """The claims of jobs that run according to the database, but whose batch lives no more."""
    found = connection.execute("SELECT DISTINCT claim FROM jobs WHERE state = 'running'")
    return frozenset(row["claim"] for row in found if not _is_held(folder, row["claim"]))


def _is_held(folder: Path, claim: str) -> bool:
    path = _lock_path(folder, claim)
    if not path.exists():
        return False
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):  # whoever may only read the results cannot ask
        return True
    lock.release()
    return False


def _lock_path(folder: Path, claim: str) -> Path:
    return folder / CLAIMS / f"{claim}.lock"
