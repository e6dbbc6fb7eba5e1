import math

import pytest

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


def test_coverage_line_states_both_sides_of_each_count(matching):
    line = text.describe_coverage(matching.coverage)
    assert line.startswith("modules compared: 611 of 640 (412 of 412 with parameters) · tensors: ")
    assert line.endswith("clips: 2 (padding frames not compared: 1)")
