import contextlib

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from toolkit.checkpoint.plain_yaml import MAX_BYTES, load_yaml

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(PLAIN)
def test_what_safe_dump_writes_is_read_back(value):
    assert load_yaml(yaml.safe_dump(value).encode()) == value


def test_aliases_and_merges_are_followed():
    assert load_yaml(b"a: &a {x: 1}\nb: *a\nc: {<<: *a, y: 2}") == {
        "a": {"x": 1},
        "b": {"x": 1},
        "c": {"x": 1, "y": 2},
    }


def test_an_empty_document_is_none():
    assert load_yaml(b"") is None
    assert load_yaml(b"# nothing") is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a: [", "expected the node content"),
        (b"a\n---\nb", "single document"),
        (b"\xff\xfe\x00", "truncated data"),
        (b"\x00", "special characters"),
        (b"!!timestamp a", "groupdict"),
        (b"!!bool a", "a"),
        (b"!!int ''", "out of range"),
        (b"!!float x", "could not convert"),
        (b"{[1]: 2}", "unhashable"),
        (b"!!python/object/apply:os.system ['false']", "could not determine a constructor"),
        (b"a: &a [*a]", "contains itself"),
        (b"&a {a: *a}", "contains itself"),
        (b"[" * 5000, "nests too deep"),
        (b"a: " + b"x" * MAX_BYTES, "more than"),
        (b"- 0x" + b"f" * 200, "a number of more than 100 characters"),
        (b"<<: 3", "expected a mapping"),
    ],
)
def test_anything_else_is_refused_with_a_reason(content, reason):
    with pytest.raises(ValueError, match=reason):
        load_yaml(content)


@pytest.mark.parametrize(
    ("first", "next_"),
    [("&a0 [x, x]", "[*a{}, *a{}]"), ("&a0 {a: 1}", "{{<<: [*a{}, *a{}]}}")],
)
def test_aliases_that_multiply_are_refused(first, next_):
    lines = [f"x0: {first}", *(f"x{i}: &a{i} {next_.format(i - 1, i - 1)}" for i in range(1, 40))]
    with pytest.raises(ValueError, match="aliases are written out"):
        load_yaml("\n".join(lines).encode())


TAGS = [
    *("null", "bool", "int", "float", "binary", "timestamp", "omap", "pairs", "set", "str"),
    *("seq", "map", "merge", "value", "python/none", "foo"),
]
ODD = [
    *("", "''", "a", "-", "_", "0x", "0b_", "1:", ":", "1:2:" + "9" * 30, "1e999", "1_", ".", "~"),
    *("2001-99-99", "2001-1-1 25:00:00", "2001-1-1 1:1:1 +99:99", "9999-12-31 23:59:59 -23:59"),
    *("0000-00-00", "!!!!", "é", "[]", "{}", "[1]", "[[1, 2]]", "[{a: 1, b: 2}]", "{? [1] : 2}"),
    *("{<<: 1}", "{<<: [1]}", "{<<: {a: 1}}", "{<<: *a}", "&a [*a]", "&a {<<: *a}", "{=: 1}", "<<"),
    *(
        "&a {b: {<<: *a}}",
        "&a {? *a : 1}",
        r'"\ud800"',
        r'"\U00110000"',
        r'"\xZZ"',
        "1:" * 45 + "1",
    ),
]
"""Values that belie most tags in one way or another."""


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("around", ["{}", "k: {}", "? {}\n: 1", "&a {{x: {}, <<: *a}}"])
def test_a_value_that_belies_its_tag_is_read_or_refused(tag, around):
    for odd in ODD:
        with contextlib.suppress(ValueError):
            str(load_yaml(around.format(f"!!{tag} {odd}").encode()))
