import errno
import os
import shutil
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from toolkit.core.errors import BadInput
from toolkit.folder import staging
from toolkit.folder.staging import MARKER, remove_leftovers, staged_folder


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def no_library(*_, **__):
    raise TypeError("Windows has no library without a name")


def nameless_library(*_, **__):
    """One without any function that Linux or macOS has."""


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
        place = staged.path.parent
        assert place.parent == out.parent
        assert place.name.startswith(".out.")
        assert place.name.endswith(".partial")


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


@pytest.mark.parametrize("kind", ["empty folder", "folder", "file", "link", "dangling link"])
@pytest.mark.parametrize("library", [None, no_library, nameless_library])
def test_whatever_appeared_meanwhile_stays(out, kind, library, monkeypatch):
    if library is not None:
        monkeypatch.setattr("ctypes.CDLL", library)
    make = {
        "empty folder": out.mkdir,
        "folder": lambda: (out / "theirs").mkdir(parents=True),
        "file": out.touch,
        "link": lambda: out.symlink_to(out.parent),
        "dangling link": lambda: out.symlink_to(out.parent / "nowhere"),
    }

    def run():
        with staged_folder(out) as staged:
            make[kind]()
            before.append(out.lstat())
            staged.publish()

    before: list[os.stat_result] = []
    with pytest.raises(BadInput, match="must not exist yet, but does"):
        run()
    assert os.listdir(out.parent) == ["out"]
    assert out.lstat().st_ino == before[0].st_ino


@pytest.mark.parametrize("library", [no_library, nameless_library])
def test_without_a_rename_that_refuses_a_folder_is_published_all_the_same(
    out, library, monkeypatch
):
    monkeypatch.setattr("ctypes.CDLL", library)
    with staged_folder(out) as staged:
        staged.publish()
    assert os.listdir(out.parent) == ["out"]


def test_a_destination_whose_folder_is_gone_is_the_users_matter(tmp_path):
    def run():
        with staged_folder(tmp_path / "inner" / "out") as staged:
            staged.path.rmdir()
            staged.publish()

    (tmp_path / "inner").mkdir()
    with pytest.raises(BadInput, match="must be a possible name of a folder, but No such file"):
        run()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO])
def test_a_disk_that_takes_no_more_is_the_users_matter(out, code):
    def run():
        with staged_folder(out):
            raise OSError(code, os.strerror(code))

    with pytest.raises(BadInput, match=f"must be written whole, but {os.strerror(code)}"):
        run()
    assert os.listdir(out.parent) == []


def test_any_other_error_of_the_system_is_passed_on(out):
    def run():
        with staged_folder(out):
            raise ConnectionResetError(errno.ECONNRESET, "reset")

    with pytest.raises(ConnectionResetError):
        run()


# Leftovers


def leave(parent, name=".out.abcdefgh.partial", content=MARKER):
    """What a killed run leaves behind."""
    place = parent / name
    (place / "folder").mkdir(parents=True)
    (place / "folder" / "model.safetensors").write_bytes(b"half")
    (place / "lock").write_bytes(content)
    return place


@pytest.mark.parametrize("content", [MARKER, MARKER[:5], b""])
def test_the_next_run_removes_what_a_killed_one_left(out, content):
    leave(out.parent, content=content)
    leave(out.parent, ".another.12345678.partial", content=content)
    with staged_folder(out) as staged:
        assert os.listdir(out.parent) == [staged.path.parent.name]
    assert os.listdir(out.parent) == []


def test_a_place_without_anything_in_it_is_removed(out):
    (out.parent / ".out.abcdefgh.partial").mkdir()
    remove_leftovers(out.parent)
    assert os.listdir(out.parent) == []


def test_what_a_living_run_makes_is_left_alone(out):
    with staged_folder(out) as living:
        (living.path / "config.json").touch()
        remove_leftovers(out.parent)
        with staged_folder(out.with_name("other")) as other:
            other.publish()
        assert (living.path / "config.json").exists()
        living.publish()
    assert sorted(os.listdir(out.parent)) == ["other", "out"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".out.abcdefgh.partial", b"somebody else's"),
        ("out.abcdefgh.partial", MARKER),
        (".out.short.partial", MARKER),
        (".out.abcdefgh.part", MARKER),
    ],
)
def test_what_only_looks_like_a_leftover_is_left_alone(out, name, content):
    place = leave(out.parent, name, content)
    remove_leftovers(out.parent)
    assert (place / "folder" / "model.safetensors").exists()


@pytest.mark.parametrize("what", ["place", "lock"])
@pytest.mark.parametrize("flags", [staging._AS_IT_IS, 0])
def test_a_link_to_a_leftover_is_not_followed(out, tmp_path_factory, what, flags, monkeypatch):
    monkeypatch.setattr(staging, "_AS_IT_IS", flags)
    elsewhere = leave(tmp_path_factory.mktemp("elsewhere"))
    place = out.parent / ".out.abcdefgh.partial"
    if what == "place":
        place.symlink_to(elsewhere)
    else:
        place.mkdir()
        (place / "lock").symlink_to(elsewhere / "lock")
    remove_leftovers(out.parent)
    assert (elsewhere / "folder" / "model.safetensors").exists()


@pytest.mark.parametrize("is_empty", [True, False])
def test_what_somebody_else_left_is_left_alone(out, monkeypatch, is_empty):
    place = leave(out.parent)
    if is_empty:
        shutil.rmtree(place)
        place.mkdir()
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    remove_leftovers(out.parent)
    assert place.exists()
    monkeypatch.undo()
    remove_leftovers(out.parent)
    assert not place.exists()


def test_a_lock_that_a_link_replaces_meanwhile_is_not_followed(out, tmp_path_factory, monkeypatch):
    """Where links cannot be refused by the call that opens, as on Windows."""
    elsewhere = leave(tmp_path_factory.mktemp("elsewhere"))
    lock = leave(out.parent) / "lock"
    opened = os.open

    def replaced(path, *options):
        if path == lock:
            lock.unlink()
            lock.symlink_to(elsewhere / "lock")
        return opened(path, *options)

    monkeypatch.setattr(staging, "_AS_IT_IS", 0)
    monkeypatch.setattr(os, "open", replaced)
    remove_leftovers(out.parent)
    assert (lock.parent / "folder" / "model.safetensors").exists()


def test_a_system_without_users_removes_what_was_left(out, monkeypatch):
    monkeypatch.delattr(os, "geteuid")
    leave(out.parent)
    remove_leftovers(out.parent)
    assert os.listdir(out.parent) == []


def test_a_folder_that_leads_elsewhere_and_is_no_link_is_left_alone():
    """As Windows has them: junctions."""

    class Junction:
        name = ".out.abcdefgh.partial"
        tag = 0

        def is_dir(self, *, follow_symlinks):
            return not follow_symlinks

        def stat(self, *, follow_symlinks):
            assert not follow_symlinks
            return SimpleNamespace(st_uid=os.geteuid(), st_reparse_tag=self.tag)

    assert [_is_own(Junction(), tag) for tag in (0, 0xA0000003)] == [True, False]


def _is_own(entry, tag):
    entry.tag = tag
    return staging._is_own_place(entry)


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, Path.touch])
@pytest.mark.parametrize("flags", [staging._AS_IT_IS, 0])
def test_a_lock_that_is_none_is_left_alone(out, make, flags, monkeypatch):
    monkeypatch.setattr(staging, "_AS_IT_IS", flags)
    place = leave(out.parent)
    (place / "lock").unlink()
    make(place / "lock")
    if (place / "lock").is_file():
        (place / "lock").write_bytes(b"something else")
    remove_leftovers(out.parent)
    assert (place / "folder" / "model.safetensors").exists()


def test_a_removal_that_was_killed_is_ended_by_the_next_run(out, monkeypatch):
    """The lock goes last, as nothing else says whose the place is."""
    leave(out.parent)
    unlink = os.unlink
    removed: list[object] = []

    def killed(path, **options):
        if removed:
            raise KeyboardInterrupt
        removed.append(path)
        unlink(path, **options)

    monkeypatch.setattr(os, "unlink", killed)
    with pytest.raises(KeyboardInterrupt):
        remove_leftovers(out.parent)
    assert removed == ["model.safetensors"]
    monkeypatch.undo()
    remove_leftovers(out.parent)
    assert os.listdir(out.parent) == []


def test_a_leftover_with_links_in_it_takes_nothing_else_away(out, tmp_path_factory):
    kept = tmp_path_factory.mktemp("kept")
    (kept / "file").touch()
    (leave(out.parent) / "folder" / "link").symlink_to(kept)
    remove_leftovers(out.parent)
    assert os.listdir(out.parent) == []
    assert os.listdir(kept) == ["file"]


def test_without_locks_nothing_is_removed_and_a_folder_is_published(out, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    place = leave(out.parent)
    monkeypatch.setattr("filelock.lock_descriptor", refuse)
    with staged_folder(out) as staged:
        staged.publish()
    assert sorted(os.listdir(out.parent)) == [place.name, "out"]


@pytest.mark.parametrize("taken", ["place", "lock", "locked"])
def test_a_place_that_a_cleaning_run_took_is_made_again(out, monkeypatch, taken):
    """The moments between making a place, making its lock, and holding it."""
    make_lock, moments = staging._make_lock, iter([taken])

    def disturbed(path):
        moment = next(moments, None)
        if moment == "place":
            path.parent.rmdir()
        if moment in ("lock", "locked"):
            monkeypatch.setattr(staging, "_lock", cleaned if moment == "lock" else busy)
        return make_lock(path)

    def cleaned(file):
        monkeypatch.undo()
        path = Path(os.readlink(f"/proc/self/fd/{file}"))
        path.unlink()
        path.parent.rmdir()

    def busy(_):
        monkeypatch.undo()
        raise BlockingIOError

    monkeypatch.setattr(staging, "_make_lock", disturbed)
    with staged_folder(out) as staged:
        staged.publish()
    assert "out" in os.listdir(out.parent)
