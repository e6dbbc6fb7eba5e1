import ctypes
import errno
import os
import re
from types import SimpleNamespace

import pytest

from toolkit.folder.renaming import rename_to_new


def renamex_np(source, target, flags):
    """What macOS's manual says of it."""
    assert flags == 4
    if not os.path.lexists(target):
        os.rename(source, target)
        return 0
    ctypes.set_errno(errno.EEXIST)
    return -1


def unable(*_):
    ctypes.set_errno(errno.ENOTSUP)
    return -1


SYSTEMS = {
    "Linux": None,
    "Linux, a file system that cannot": SimpleNamespace(renameat2=unable),
    "macOS": SimpleNamespace(renamex_np=renamex_np),
    "macOS, a file system that cannot": SimpleNamespace(renamex_np=unable),
    "neither": SimpleNamespace(),
}


@pytest.fixture(params=[*SYSTEMS.values()], ids=[*SYSTEMS], autouse=True)
def system(request, monkeypatch):
    if request.param is not None:
        monkeypatch.setattr("ctypes.CDLL", lambda *_, **__: request.param)


@pytest.fixture
def source(tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "mine").touch()
    return tmp_path / "source"


def test_a_folder_gets_its_new_name(source, tmp_path):
    rename_to_new(source, tmp_path / "target")
    assert os.listdir(tmp_path) == ["target"]
    assert os.listdir(tmp_path / "target") == ["mine"]


@pytest.mark.parametrize("make", ["mkdir", "touch", "link"])
def test_nothing_is_replaced(source, tmp_path, make):
    target = tmp_path / "target"
    target.symlink_to(tmp_path / "nowhere") if make == "link" else getattr(target, make)()
    before = target.lstat()
    with pytest.raises(FileExistsError):
        rename_to_new(source, target)
    assert os.listdir(source) == ["mine"]
    assert os.path.samestat(target.lstat(), before)


def test_what_the_system_refuses_is_its_error(source, tmp_path):
    with pytest.raises(FileNotFoundError):
        rename_to_new(source, tmp_path / "nowhere" / "target")


@pytest.mark.parametrize(
    ("make", "error"),
    [("folder", errno.ENOTEMPTY), ("file", errno.ENOTDIR), ("link", errno.ENOTDIR)],
)
def test_where_no_kernel_helps_what_appears_after_the_last_look_stays(
    source, tmp_path, monkeypatch, make, error
):
    target = tmp_path / "target"

    def appears(path):
        assert path == target
        if make == "folder":
            (target / "theirs").mkdir(parents=True)
        elif make == "file":
            target.write_bytes(b"theirs")
        else:
            target.symlink_to(source.parent)
        before.append(target.lstat())
        return False

    before = []
    monkeypatch.setattr("ctypes.CDLL", lambda *_, **__: SimpleNamespace())
    monkeypatch.setattr(os.path, "lexists", appears)
    with pytest.raises(OSError, match=re.escape(os.strerror(error))):
        rename_to_new(source, target)
    assert os.path.samestat(target.lstat(), before[0])
    assert os.listdir(source) == ["mine"]
