import errno
import os

import pytest

from toolkit.core.errors import BadInput
from toolkit.folder import copying
from toolkit.folder.copying import copy_bytes

DATA = bytes(range(256)) * 5000


@pytest.fixture
def files(tmp_path):
    (tmp_path / "source").write_bytes(DATA)
    source = os.open(tmp_path / "source", os.O_RDONLY)
    target = os.open(tmp_path / "target", os.O_RDWR | os.O_CREAT)
    yield source, target
    os.close(source)
    os.close(target)


def unable(code):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    return refuse


def none_at_all(*_):
    return 0


WAYS = {
    "copy_file_range": {},
    "sendfile": {"copy_file_range": unable(errno.EXDEV)},
    "sendfile, as nothing comes": {"copy_file_range": none_at_all},
    "reading": {"copy_file_range": unable(errno.ENOSYS), "sendfile": unable(errno.EINVAL)},
    "reading, as nothing comes": {"copy_file_range": none_at_all, "sendfile": none_at_all},
}


@pytest.mark.parametrize("ways", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(
    ("source_offset", "target_offset", "num_bytes"),
    [(0, 0, len(DATA)), (3, 0, 1000), (1001, 7, len(DATA) - 1001), (5, 5, 1), (0, 9, 0)],
)
def test_every_way_copies_the_same(
    files, monkeypatch, ways, source_offset, target_offset, num_bytes
):
    for name, way in ways.items():
        monkeypatch.setattr(os, name, way)
    source, target = files
    copy_bytes(
        source,
        target,
        source_offset=source_offset,
        target_offset=target_offset,
        num_bytes=num_bytes,
    )
    found = os.pread(target, len(DATA) + 10, 0)
    copied = DATA[source_offset : source_offset + num_bytes]
    assert found == (bytes(target_offset) + copied if copied else b"")


def test_a_system_that_lacks_both_ways_reads(files, monkeypatch):
    monkeypatch.delattr(os, "copy_file_range")
    monkeypatch.delattr(os, "sendfile")
    copy_bytes(*files, source_offset=0, target_offset=0, num_bytes=len(DATA))
    assert os.pread(files[1], len(DATA), 0) == DATA


def test_the_kernel_copies_where_it_can(files, monkeypatch):
    monkeypatch.setattr(copying, "_by_reading", unable(errno.EIO))
    copy_bytes(*files, source_offset=0, target_offset=0, num_bytes=len(DATA))
    assert os.pread(files[1], len(DATA), 0) == DATA


@pytest.mark.parametrize("ways", WAYS.values(), ids=WAYS)
def test_a_source_that_ends_before_is_noticed(files, monkeypatch, ways):
    for name, way in ways.items():
        monkeypatch.setattr(os, name, way)
    with pytest.raises(BadInput, match=r"at byte 1000, but ends after 1279000 of them"):
        copy_bytes(*files, source_offset=1000, target_offset=0, num_bytes=len(DATA))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO])
def test_a_disk_that_refuses_is_not_asked_again(files, monkeypatch, code):
    monkeypatch.setattr(os, "copy_file_range", unable(code))
    monkeypatch.setattr(os, "sendfile", unable(errno.EBADMSG))
    with pytest.raises(OSError, match=os.strerror(code)):
        copy_bytes(*files, source_offset=0, target_offset=0, num_bytes=10)
