"""Hashes are computed once while a file stays as it is."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from toolkit.batch.hashes import SETTLED_S, Hashes, Mark
from toolkit.core.errors import BadInput


class Memory:
    """What was computed, as a database would keep it."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, Mark], str] = {}
        self.hashes = Hashes(known=self.known, keep=self.keep)
        self.answers = 0

    def known(self, path: str, mark: Mark) -> str | None:
        found = self.kept.get((path, mark))
        self.answers += found is not None
        return found

    def keep(self, path: str, mark: Mark, digest: str) -> None:
        self.kept[path, mark] = digest


def aged(path: Path, seconds: float = 10 * SETTLED_S) -> None:
    moment = path.stat().st_mtime - seconds
    os.utime(path, (moment, moment))


def test_a_file_is_read_once(tmp_path: Path) -> None:
    memory, file = Memory(), tmp_path / "a"
    file.write_bytes(b"one")
    aged(file)
    expected = hashlib.sha256(b"one").hexdigest()
    assert [memory.hashes.of(file), memory.hashes.of(file)] == [expected, expected]
    assert memory.answers == 1


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    memory, file = Memory(), tmp_path / "a"
    file.write_bytes(b"one")
    aged(file)
    memory.hashes.of(file)
    file.write_bytes(b"two")
    assert memory.hashes.of(file) == hashlib.sha256(b"two").hexdigest()


def test_a_file_that_has_just_changed_is_not_remembered(tmp_path: Path) -> None:
    memory, file = Memory(), tmp_path / "a"
    file.write_bytes(b"one")
    memory.hashes.of(file)
    assert not memory.kept


def test_a_folder_is_names_and_contents(tmp_path: Path) -> None:
    memory = Memory()
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "a").write_bytes(b"one")
    before = memory.hashes.of(tmp_path / "f")
    (tmp_path / "f" / "a").rename(tmp_path / "f" / "b")
    assert memory.hashes.of(tmp_path / "f") != before


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no such file"):
        Memory().hashes.of(tmp_path / "a")
