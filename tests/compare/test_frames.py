import math

import pytest
import torch

from toolkit.compare.frames import (
    MAX_POSITIONS,
    error_code,
    error_of,
    follow,
    follow_letters,
    track,
)
from toolkit.core.pictures import CODES_PER_DECADE, LOWEST_EXPONENT, NOT_FINITE_CODE


@pytest.mark.parametrize("error", [1e-19, 3.3e-12, 1e-9, 0.7, 20.0])
def test_a_code_says_the_error_to_a_twentieth_of_a_decade(error):
    exponent = LOWEST_EXPONENT + (error_code(error) - 1) / CODES_PER_DECADE
    assert abs(exponent - math.log10(error)) <= 0.051
    assert error_of(error_code(error)) == pytest.approx(10.0**exponent)


def test_zero_and_no_number_have_codes_of_their_own():
    assert error_code(0.0) == 0
    assert error_code(1e-40) == 1
    assert error_code(math.nan) == error_code(math.inf) == NOT_FINITE_CODE
    assert (error_of(0), error_of(NOT_FINITE_CODE)) == (0.0, math.inf)


@pytest.mark.parametrize("axis", [1, 2])
def test_a_fault_in_one_frame_is_followed_to_that_frame(axis):
    expected = torch.randn(1, 30, 8, generator=torch.Generator().manual_seed(0)).double()
    wrong = expected.clone()
    wrong[0, 17, 3] += 5
    if axis == 2:
        expected, wrong = expected.transpose(1, 2), wrong.transpose(1, 2)
    followed = follow("features", expected, wrong, 1e-9, axis)
    assert (followed.positions, followed.wrong) == (30, 1)
    assert [place for place, code in enumerate(followed.errors) if code] == [17]


def test_what_is_equal_has_no_wrong_frame():
    same = torch.ones(1, 5, 2)
    assert follow("features", same, same, 0.0).wrong == 0


@pytest.mark.parametrize("actual", [None, torch.ones(1, 4, 2)])
def test_outputs_that_cannot_be_laid_side_by_side_are_not_followed(actual):
    assert follow("features", torch.ones(1, 5, 2), actual, 1e-9) is None
    assert follow_letters("letters", torch.ones(1, 5, 2), actual) is None


def test_a_frame_without_a_number_is_wrong():
    assert track("features", torch.tensor([0.0, math.nan]), 1e-9).wrong == 1


@pytest.mark.parametrize("factor", [0.96, 0.999, 1.0, 1.001, 1.04])
def test_a_code_lies_on_the_same_side_of_the_tolerance_as_its_error(factor):
    tolerance = 1.03e-9
    followed = track("features", torch.tensor([tolerance * factor]).double(), tolerance)
    assert (error_of(followed.errors[0]) > tolerance) == bool(followed.wrong) == (factor > 1)


def test_a_long_track_keeps_its_one_wrong_frame():
    errors = torch.zeros(1001)
    errors[777] = 1
    followed = track("features", errors, 1e-9)
    assert len(followed.errors) <= MAX_POSITIONS
    assert (followed.positions, followed.wrong) == (1001, 1)
    assert max(followed.errors) == error_code(1.0)


def test_letters_are_wrong_where_another_one_is_the_best():
    expected = torch.eye(4).unsqueeze(0)
    actual = expected.clone()
    actual[0, 2] = torch.tensor([9.0, 0, 0, 0])
    # Scores that are others, but whose best one is the same, are the same letter.
    actual[0, 3] *= 7
    followed = follow_letters("letters", expected, actual)
    assert list(followed.errors) == [0, 0, error_code(1.0), 0]
    assert followed.wrong == 1
