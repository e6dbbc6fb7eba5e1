from __future__ import annotations

import pytest

from toolkit.core.errors import BadInput
from toolkit.pipeline.cache import keep_recording, recordings_folder


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "recordings"


class Maker:
    def __init__(self):
        self.made = 0

    def __call__(self, folder):
        self.made += 1
        folder.mkdir()
        (folder / "content").write_text("whole")


def check(folder):
    if (folder / "content").read_text() != "whole":
        raise BadInput("damaged")


def test_a_recording_is_made_once(cache):
    maker = Maker()
    for _ in range(2):
        assert keep_recording("key", check, maker) == cache / "key"
    assert maker.made == 1
    keep_recording("other", check, maker)
    assert maker.made == 2


def test_a_damaged_recording_is_made_again():
    maker = Maker()
    (keep_recording("key", check, maker) / "content").write_text("half")
    assert (keep_recording("key", check, maker) / "content").read_text() == "whole"
    assert maker.made == 2


def test_a_recording_that_fails_leaves_nothing(cache):
    def fail(folder):
        folder.mkdir()
        raise BadInput("cannot")

    with pytest.raises(BadInput, match="cannot"):
        keep_recording("key", check, fail)
    assert list(cache.iterdir()) == []


def test_of_two_runs_at_once_the_faster_one_wins(cache):
    def slow(folder):
        Maker()(folder)
        Maker()(cache / "key")

    assert keep_recording("key", check, slow) == cache / "key"
    assert [path.name for path in cache.iterdir()] == ["key"]


def test_without_a_variable_the_users_cache_is_used(monkeypatch, tmp_path):
    monkeypatch.delenv("TOOLKIT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert recordings_folder() == tmp_path / "xdg" / "fairseq-hf-toolkit" / "recordings"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    found = recordings_folder()
    assert found == tmp_path / "home" / ".cache" / "fairseq-hf-toolkit" / "recordings"


def test_a_cache_that_cannot_be_made_is_refused(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path / "file"))
    with pytest.raises(BadInput, match="must be a folder to keep recordings in, but Not a dir"):
        recordings_folder()
