import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.report import text


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (3.0, "3"),
        (1.25e-7, "1.2e-07"),
        (0.5, "5.0e-01"),
        (1e30, "1.0e+30"),
        (math.nan, "NaN"),
        (math.inf, "infinity"),
        (-math.inf, "-infinity"),
        (None, "not measured"),
    ],
)
def test_errors_are_written_alike_everywhere(error, words):
    assert text.format_error(error) == words


@pytest.mark.parametrize(
    ("ratio", "words"),
    [(1.034, "1.03"), (2.1e5, "2.1e+05"), (math.nan, "NaN"), (None, "not measured")],
)
def test_ratios_near_one_keep_two_decimals(ratio, words):
    assert text.format_ratio(ratio) == words


@pytest.mark.parametrize(
    ("score", "words"), [(-0.31234, "-0.3123"), (-math.inf, "-infinity"), (None, "not measured")]
)
def test_scores_have_four_decimals(score, words):
    assert text.format_score(score) == words


def test_nested_evidence_becomes_one_line():
    evidence = {"rows": (1, 2), "ratio": 0.123456, "tied": True, "clip": None, "max": math.inf}
    expected = "rows: (1, 2), ratio: 0.1235, tied: yes, clip: none, max: infinity"
    assert text.format_value(evidence) == expected


def test_control_characters_and_direction_overrides_are_made_visible():
    assert text.show_controls("a\x1b[31m\u202eb\n\udcff") == "a\\x1b[31m\\u202eb\\n\\udcff"


def test_ordinary_foreign_text_stays_as_it_is():
    assert text.show_controls("مرحبا, Grüße, 你好") == "مرحبا, Grüße, 你好"


def test_every_verdict_has_a_symbol_and_an_ascii_symbol():
    assert text.SYMBOLS.keys() == text.ASCII_SYMBOLS.keys()
    assert "".join(text.ASCII_SYMBOLS.values()).isascii()


@pytest.mark.parametrize(
    ("name", "width", "lines"),
    [
        ("encoder.layers.11.self_attn", 16, ["encoder.layers.", "11.self_attn"]),
        ("a clip in part", 6, ["a clip", "in", "part"]),
        ("short", 20, ["short"]),
        ("", 20, [""]),
        ("unbreakable", 4, ["unbreakable"]),
    ],
)
def test_a_long_name_is_broken_behind_its_signs(name, width, lines):
    assert text.break_name(name, width) == lines


@given(name=st.text(alphabet="ab. ,_/", max_size=60), width=st.integers(1, 30))
def test_a_broken_name_loses_nothing_but_space_and_breaks_no_word(name, width):
    lines = text.break_name(name, width)
    assert "".join("".join(lines).split()) == "".join(name.split())
    assert all(len(line) <= width or re.fullmatch(r"[ab]*[ ./,_]*", line) for line in lines)


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 bytes"), (999, "999 bytes"), (1270, "1.27 kB"), (4e6, "4 MB"), (1.2649e9, "1.26 GB")],
)
def test_a_size_is_said_in_three_digits(count, said):
    assert text.describe_bytes(int(count)) == said
