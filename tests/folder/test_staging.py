import os
import stat

import pytest

from toolkit.core.errors import BadInput
from toolkit.folder.staging import staged_folder


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def test_a_published_folder_is_whole_and_nothing_else_is_left(out):
    with staged_folder(out) as staged:
        (staged.path / "config.json").write_text("{}")
        (staged.path / "inside").mkdir()
        assert not out.exists()
        staged.publish()
    assert sorted(os.listdir(out)) == ["config.json", "inside"]
    assert os.listdir(out.parent) == ["out"]


def test_a_published_folder_can_be_read_by_others(out):
    with staged_folder(out) as staged:
        staged.publish()
    assert stat.S_IMODE(out.stat().st_mode) == 0o755


def test_a_folder_under_construction_is_a_hidden_sibling(out):
    with staged_folder(out) as staged:
        assert staged.path.parent == out.parent
        assert staged.path.name.startswith(".out.")
        assert staged.path.name.endswith(".partial")


def test_a_folder_that_was_not_published_is_gone(out):
    with staged_folder(out) as staged:
        (staged.path / "config.json").write_text("{}")
    assert os.listdir(out.parent) == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, MemoryError])
def test_nothing_is_left_after_an_error(out, error):
    def fail():
        with staged_folder(out) as staged:
            (staged.path / "model.safetensors").write_bytes(b"half")
            raise error

    with pytest.raises(error):
        fail()
    assert os.listdir(out.parent) == []


def test_an_error_after_publication_takes_nothing_away(out):
    def fail():
        with staged_folder(out) as staged:
            (staged.path / "config.json").write_text("{}")
            staged.publish()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert os.listdir(out.parent) == ["out"]
    assert os.listdir(out) == ["config.json"]


@pytest.mark.parametrize("kind", ["folder", "file", "link", "dangling link"])
def test_an_existing_destination_is_refused_and_left_alone(out, kind):
    make = {
        "folder": out.mkdir,
        "file": out.touch,
        "link": lambda: out.symlink_to(out.parent),
        "dangling link": lambda: out.symlink_to(out.parent / "nowhere"),
    }
    make[kind]()
    with pytest.raises(BadInput, match="must not exist yet, but does"), staged_folder(out):
        pass
    assert os.listdir(out.parent) == ["out"]


def test_a_destination_that_appeared_meanwhile_is_not_overwritten(out):
    def run():
        with staged_folder(out) as staged:
            out.mkdir()
            (out / "theirs").touch()
            staged.publish()

    with pytest.raises(BadInput, match="must not exist yet"):
        run()
    assert os.listdir(out) == ["theirs"]
    assert os.listdir(out.parent) == ["out"]


@pytest.mark.parametrize("parent", ["nowhere", "file"])
def test_a_destination_without_a_folder_around_it_is_refused(tmp_path, parent):
    (tmp_path / "file").touch()
    out = tmp_path / parent / "out"
    with pytest.raises(BadInput, match="must lie in an existing folder"), staged_folder(out):
        pass
    assert os.listdir(tmp_path) == ["file"]


def test_a_destination_that_cannot_be_written_is_refused_with_the_reason(out, monkeypatch):
    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    with (
        pytest.raises(BadInput, match=r"must be in a writable folder, .*Permission denied"),
        staged_folder(out),
    ):
        pass


def test_a_relative_destination_lies_in_the_working_folder(out, monkeypatch):
    monkeypatch.chdir(out.parent)
    with staged_folder(type(out)("out")) as staged:
        staged.publish()
    assert out.is_dir()
