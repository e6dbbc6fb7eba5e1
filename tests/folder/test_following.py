from __future__ import annotations

import hashlib
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.folder.digest import BUFFER_BYTES
from toolkit.folder.following import Following


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("following") / "file"


@settings(max_examples=40)
@given(pieces=st.lists(st.binary(min_size=1, max_size=300), max_size=8))
def test_a_file_that_was_followed_has_the_digest_that_it_has_afterwards(path, pieces):
    with open(path, "wb", buffering=0) as file, Following(path) as following:
        for piece in pieces:
            file.write(piece)
            following.advance(len(piece))
        digest = following.finish()
    whole = path.read_bytes()
    assert digest.sha256 == hashlib.sha256(whole).hexdigest()
    assert digest.num_bytes == len(whole) == sum(map(len, pieces))


def test_pieces_larger_than_what_is_read_at_a_time_are_read_whole(path):
    content = bytes(range(256)) * (BUFFER_BYTES // 100)
    path.write_bytes(content)
    with Following(path) as following:
        following.advance(len(content))
        assert following.finish().sha256 == hashlib.sha256(content).hexdigest()


def test_a_file_that_holds_less_than_was_said_has_no_digest(path):
    path.write_bytes(b"short")
    with Following(path) as following:
        following.advance(6)
        with pytest.raises(OSError, match="shorter than what was"):
            following.finish()


def test_a_file_that_cannot_be_read_has_no_digest(tmp_path):
    with Following(tmp_path / "none") as following, pytest.raises(FileNotFoundError):
        following.finish()


def test_who_gives_up_waits_for_nothing(path):
    path.write_bytes(b"begun")
    following = Following(path)
    with following:
        following.advance(3)
    assert not any(thread.name == "background" for thread in threading.enumerate())
