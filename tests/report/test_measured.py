"""How what was measured is written."""

import math

import pytest

from toolkit.core.measures import NOISE, RELATIVE, Measure
from toolkit.report import measured


def test_coverage_line_states_both_sides_of_each_count(matching):
    line = measured.describe_coverage(matching.coverage)
    assert line.startswith("modules compared: 611 of 640 (412 of 412 with parameters) · tensors: ")
    assert line.endswith("clips: 2 (padding frames not compared: 1)")


@pytest.mark.parametrize(
    ("unit", "error", "tolerance", "compared", "words"),
    [
        (NOISE, 2.2, 4.0, 9, "2.20x of 4x"),
        (NOISE, math.inf, 4.0, 9, "infinity of 4x"),
        (RELATIVE, 0.0, 0.0, 9, "equal"),
        (RELATIVE, 4.2e-7, 2e-6, 9, "4.2e-07 of 2.0e-06"),
        (RELATIVE, 0.5, 0.0, 9, "5.0e-01 of 0"),
        ("clips", 0.0, 0.0, 24, "0 of 24 clips"),
        ("modules", 8.0, 0.0, 117, "8 of 117 modules"),
        ("clips", 1.0, 0.0, 1, "1 of 1 clip"),
    ],
)
def test_an_error_stands_beside_what_it_may_be_in_its_unit(unit, error, tolerance, compared, words):
    measure = Measure(
        name="x", where="", error=error, tolerance=tolerance, unit=unit, compared=compared
    )
    assert measured.describe_error(measure) == words


@pytest.mark.parametrize(
    ("unit", "error", "words"),
    [
        (NOISE, 2.2, "2.20x"),
        (RELATIVE, 4.2e-7, "4.2e-07"),
        (RELATIVE, 0.0, "0"),
        ("modules", 8.0, "8 modules"),
        ("clips", 1.0, "1 clip"),
        ("keys", math.nan, "NaN keys"),
    ],
)
def test_an_error_alone_has_its_unit(unit, error, words):
    measure = Measure(name="x", where="", error=error, tolerance=0.0, unit=unit, compared=9)
    assert measured.format_found(measure) == words
