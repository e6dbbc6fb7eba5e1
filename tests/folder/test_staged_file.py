"""A file appears whole or not at all, with what belongs beside it; nothing is ever replaced."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from toolkit.core.errors import BadInput
from toolkit.folder.renaming import rename_to_new
from toolkit.folder.staged_file import StagedFile, staged_file


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "model.pt"


def make(staged: StagedFile) -> None:
    staged.path.write_bytes(b"weights")
    (staged.path.parent / "dict.txt").write_bytes(b"a 1\n")


def test_a_published_file_is_whole_and_what_belongs_to_it_stands_beside(out: Path) -> None:
    with staged_file(out) as staged:
        make(staged)
        assert not out.exists()
        assert staged.publish() == (out.parent / "dict.txt",)
    assert sorted(os.listdir(out.parent)) == ["dict.txt", "model.pt"]
    assert out.read_bytes() == b"weights"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_file_that_was_not_published_is_gone(out: Path, error: type[BaseException]) -> None:
    def fail() -> None:
        with staged_file(out) as staged:
            make(staged)
            raise error

    with pytest.raises(error):
        fail()
    assert os.listdir(out.parent) == []


def test_what_stands_beside_already_stays_if_it_is_the_same(out: Path) -> None:
    (out.parent / "dict.txt").write_bytes(b"a 1\n")
    before = (out.parent / "dict.txt").stat().st_ino
    with staged_file(out) as staged:
        make(staged)
        staged.publish()
    assert (out.parent / "dict.txt").stat().st_ino == before
    assert out.exists()


def test_another_file_beside_is_not_replaced(out: Path) -> None:
    (out.parent / "dict.txt").write_bytes(b"mine\n")
    with staged_file(out) as staged:
        make(staged)
        with pytest.raises(BadInput, match=r"dict.txt` beside it, but another file is there"):
            staged.publish()
    assert os.listdir(out.parent) == ["dict.txt"]
    assert (out.parent / "dict.txt").read_bytes() == b"mine\n"


def test_a_file_that_is_there_is_refused_before_any_work(out: Path) -> None:
    out.write_bytes(b"mine")
    with pytest.raises(BadInput, match="must not exist yet"), staged_file(out):
        raise AssertionError
    assert out.read_bytes() == b"mine"


@pytest.mark.parametrize("has_links", [True, False])
def test_a_file_that_appears_meanwhile_stays_and_nothing_is_left(
    has_links: bool, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_links:
        monkeypatch.setattr("toolkit.folder.renaming._by_renameat2", lambda *_: False)
        monkeypatch.setattr("toolkit.folder.renaming._by_renamex_np", lambda *_: False)

    def late(source: Path, target: Path) -> None:
        if target == out:
            out.write_bytes(b"mine")
        rename_to_new(source, target)

    monkeypatch.setattr("toolkit.folder.staged_file.rename_to_new", late)
    with staged_file(out) as staged:
        make(staged)
        with pytest.raises(BadInput, match="must be a new name"):
            staged.publish()
    assert os.listdir(out.parent) == ["model.pt"]
    assert out.read_bytes() == b"mine"
