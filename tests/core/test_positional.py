import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from toolkit.core.positional import read_at, read_into, write_at

CONTENT = bytes(range(256)) * 64
NAMES = ("pread", "preadv", "pwrite")


@pytest.fixture(params=["the system's calls", "seek and read"], autouse=True)
def calls(request, monkeypatch):
    if request.param == "seek and read":
        for name in NAMES:
            monkeypatch.delattr(os, name)


@pytest.fixture
def file(tmp_path):
    (tmp_path / "file").write_bytes(CONTENT)
    file = os.open(tmp_path / "file", os.O_RDWR)
    yield file
    os.close(file)


@pytest.mark.parametrize(("num_bytes", "offset"), [(10, 0), (7, 300), (10**6, 100), (1, 10**6)])
def test_what_lies_at_a_place_is_read(file, num_bytes, offset):
    assert read_at(file, num_bytes, offset) == CONTENT[offset : offset + num_bytes]


@pytest.mark.parametrize(("size", "offset"), [(10, 0), (7, 300), (len(CONTENT) + 9, 100)])
def test_a_buffer_is_filled_as_far_as_the_file_goes(file, size, offset):
    buffer = bytearray(size)
    expected = CONTENT[offset : offset + size]
    assert read_into(file, buffer, offset) == len(expected)
    assert buffer[: len(expected)] == expected
    assert not any(buffer[len(expected) :])


def test_what_is_written_stands_at_its_place_and_nothing_else_changes(file):
    assert write_at(file, memoryview(b"new"), 300) == 3
    assert read_at(file, len(CONTENT), 0) == CONTENT[:300] + b"new" + CONTENT[303:]


def test_what_is_written_behind_the_end_leaves_zeros_before_it(file):
    assert write_at(file, b"end", len(CONTENT) + 5) == 3
    assert read_at(file, 100, len(CONTENT)) == bytes(5) + b"end"


def test_threads_that_share_a_file_read_each_its_own_place(file):
    places = [1 + 37 * number % len(CONTENT) for number in range(500)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda place: read_at(file, 1, place), places))
    assert found == [CONTENT[place : place + 1] for place in places]
