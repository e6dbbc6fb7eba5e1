import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.proof.sealing import NotAsWrittenError, read_sealed, seal_of, write_sealed

DOCUMENT = {"b": [1, 2.5e-300, "é\u2028"], "a": {"deep": None, "ok": True}, "name": "m\udcff"}
CONTENT = write_sealed(DOCUMENT)


def test_what_is_written_is_read_with_its_seal():
    said = read_sealed(CONTENT)
    assert said.pop("seal") == seal_of(DOCUMENT)
    assert said == DOCUMENT
    assert list(said) == list(DOCUMENT)


@settings(max_examples=300)
@given(position=st.integers(0, len(CONTENT) - 1), flip=st.integers(1, 255))
def test_any_byte_that_changes_breaks_it(position, flip):
    changed = bytearray(CONTENT)
    changed[position] ^= flip
    with pytest.raises(NotAsWrittenError):
        read_sealed(bytes(changed))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no JSON"),
        (b"[]", "no seal"),
        (b'{"seal": 1}', "no seal"),
        (b'{"a": 1, "a": 2}', "no JSON"),
        (json.dumps({**DOCUMENT, "seal": seal_of(DOCUMENT)}).encode(), "written anew"),
        (CONTENT + b"\n", "written anew"),
        (CONTENT.replace(b"true", b"false"), "seal is that of another"),
    ],
)
def test_what_is_none_is_told(content, said):
    with pytest.raises(NotAsWrittenError, match=said):
        read_sealed(content)


def test_the_order_of_keys_is_no_matter_of_the_seal():
    assert seal_of(dict(reversed(DOCUMENT.items()))) == seal_of(DOCUMENT)
