import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.checkpoint.plain_files import NoFile
from toolkit.folder.plain_json import MAX_BYTES, MAX_NESTING, Refused, parse_json, read_json

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(PLAIN)
def test_what_json_writes_is_read_back(value):
    assert parse_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")])
def test_levels_are_counted_as_they_are_written(brackets):
    first, last = brackets
    core = b"1"
    assert parse_json(first * MAX_NESTING + core + last * MAX_NESTING)
    for depth in (MAX_NESTING + 1, 100_000):
        with pytest.raises(Refused, match="deep"):
            parse_json(first * depth + core + last * depth)


@pytest.mark.parametrize("content", [b"", b"{", b"{}{}", b"\xff", b"{'a': 1}", b"[1,]", b"\x00"])
def test_what_is_no_json_is_told_from_what_is_refused(content):
    with pytest.raises((json.JSONDecodeError, UnicodeDecodeError)):
        parse_json(content)


@pytest.mark.parametrize(
    "content",
    [b"NaN", b"[-Infinity]", b'{"a": Infinity}', b"1e999", b"[-1e400]", b'{"a": 1, "a": 1}'],
)
def test_what_readers_take_in_different_ways_is_refused(content):
    with pytest.raises(Refused):
        parse_json(content)


def test_a_file_of_too_many_bytes_is_refused_unread(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"1" + b" " * 9)
    assert read_json(path, max_bytes=10) == 1
    with pytest.raises(Refused, match="more than 9 bytes"):
        read_json(path, max_bytes=9)
    os.truncate(path, 1 << 40)
    with pytest.raises(Refused, match=f"more than {MAX_BYTES} bytes"):
        read_json(path)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(NoFile):
        read_json(tmp_path / "a.json")
