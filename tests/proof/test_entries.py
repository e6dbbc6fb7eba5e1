import os

import pytest

from toolkit.proof.entries import list_entries


def test_everything_but_folders_is_listed_and_no_link_is_followed(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.txt").write_text("")
    (tmp_path / "up").symlink_to("..")
    os.mkfifo(tmp_path / "pipe")
    entries = list_entries(tmp_path)
    assert list(entries.files) == ["a/b.txt"]
    assert entries.others == {"pipe": "a pipe", "up": "a link to `..`"}


def test_what_the_hub_adds_is_known_by_its_place(tmp_path):
    for name in (".git/config", ".gitattributes", "a/.gitattributes", ".github/x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    entries = list_entries(tmp_path)
    assert entries.bookkeeping == (".gitattributes", ".git")
    assert set(entries.files) == {"a/.gitattributes", ".github/x"}


def test_a_folder_that_cannot_be_read_is_not_passed_over(tmp_path, monkeypatch):
    (tmp_path / "locked").mkdir()
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError):
        list_entries(tmp_path)
