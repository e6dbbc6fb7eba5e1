import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.samples import level, measure


@pytest.mark.parametrize(("error", "verdict"), [(0.0, "pass"), (1e-6, "pass"), (2e-6, "fail")])
def test_a_measure_passes_up_to_its_tolerance_and_no_further(error, verdict):
    assert measure(error=error).verdict == verdict


def test_a_measure_that_is_no_number_fails():
    assert measure(error=math.nan).verdict == "fail"
    assert measure(error=math.nan, tolerance=math.inf).verdict == "fail"
    assert measure(error=math.inf).verdict == "fail"


@pytest.mark.parametrize("declared", [False, True])
def test_a_measure_that_compared_nothing_fails(declared):
    assert measure(compared=0, declared=declared).verdict == "fail"


def test_a_declared_excess_is_a_deviation_and_a_declared_agreement_passes():
    assert measure(error=1.0, declared=True).verdict == "deviation"
    assert measure(declared=True).verdict == "pass"


@given(st.floats(min_value=0, allow_nan=False), st.floats(min_value=0, allow_nan=False))
def test_the_smallest_passing_tolerance_passes(error, tolerance):
    smallest = measure(error=error, tolerance=tolerance).to_dict()["smallest_passing_tolerance"]
    assert measure(error=error, tolerance=smallest).verdict == "pass"


# Levels


def test_a_level_without_measures_fails():
    assert level().verdict == "fail"
    assert level().worst is None
    assert level().to_dict()["worst"] is None


@pytest.mark.parametrize(
    ("measures", "verdict"),
    [
        ([measure()], "pass"),
        ([measure(), measure(error=1.0, declared=True)], "deviation"),
        ([measure(error=1.0, declared=True), measure(error=1.0)], "fail"),
        ([measure(), measure(compared=0)], "fail"),
    ],
)
def test_a_level_is_as_good_as_its_worst_measure(measures, verdict):
    assert level(*measures).verdict == level(*reversed(measures)).verdict == verdict


def test_the_worst_measure_is_the_one_furthest_beyond_its_tolerance():
    near, far = measure(where="near", error=2e-6), measure(where="far", error=9e-6)
    big = measure(where="big", error=5.0, tolerance=10.0)
    declared = measure(where="declared", error=1e9, declared=True)
    assert level(near, far, big, declared).worst is far


def test_a_measure_that_is_no_number_is_the_worst():
    nothing = measure(where="nan", error=math.nan)
    assert level(measure(error=1e9), nothing, measure(error=2.0, tolerance=0.0)).worst is nothing


def test_a_tolerance_of_zero_is_no_division_by_zero():
    assert level(measure(error=0.0, tolerance=0.0)).verdict == "pass"
    assert level(measure(error=1.0, tolerance=0.0)).worst.error == 1.0
