import math

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from toolkit.compare.metrics import PART, largest, noise_ratio, relative_error

VALUES = st.floats(-1e3, 1e3, width=32)
TENSORS = st.lists(VALUES, min_size=1, max_size=8).map(torch.tensor)
EPS = torch.finfo(torch.float32).eps


@given(TENSORS)
def test_a_tensor_has_no_distance_from_itself(tensor):
    assert relative_error(tensor, tensor.clone()) == 0.0
    assert noise_ratio(tensor.double(), tensor, tensor.clone()) == 0.0


@given(TENSORS)
def test_another_shape_is_infinitely_far_even_with_the_same_values(tensor):
    assert relative_error(tensor, tensor.unsqueeze(0)) == math.inf
    assert relative_error(tensor, torch.cat([tensor, tensor[:1]])) == math.inf
    assert noise_ratio(tensor, tensor, tensor.unsqueeze(0)) == math.inf
    assert noise_ratio(tensor, tensor.unsqueeze(0), tensor) == math.inf


@given(TENSORS, TENSORS, st.integers(-8, 8))
def test_scaling_both_sides_changes_nothing(expected, actual, exponent):
    assume(expected.shape == actual.shape and largest(expected) > 0)
    factor = 2.0**exponent
    scaled = relative_error(expected.double() * factor, actual.double() * factor)
    assert scaled == pytest.approx(relative_error(expected, actual), rel=1e-12)


@given(TENSORS, st.randoms(use_true_random=False))
def test_a_permutation_of_unequal_values_is_seen(tensor, random):
    order = list(range(len(tensor)))
    random.shuffle(order)
    permuted = tensor[order]
    assume(not permuted.equal(tensor))
    assert relative_error(tensor, permuted) > 0


@given(TENSORS, st.floats(1e-3, 1.0))
def test_the_error_is_the_largest_difference_over_the_largest_expected_value(tensor, share):
    assume(largest(tensor) > 1e-3)
    actual = tensor.double()
    index = int(tensor.abs().argmin())
    actual[index] += share * largest(tensor)
    assert relative_error(tensor, actual) == pytest.approx(share, rel=1e-6)


@given(TENSORS, st.sampled_from([math.nan, math.inf, -math.inf]), st.booleans())
def test_a_value_that_is_not_finite_on_one_side_never_passes(tensor, value, on_the_left):
    spoiled = tensor.clone()
    spoiled[0] = value
    sides = (spoiled, tensor) if on_the_left else (tensor, spoiled)
    assert not relative_error(*sides) <= 1.0


def test_nan_on_both_sides_does_not_pass():
    nan = torch.tensor([1.0, math.nan])
    assert math.isnan(relative_error(nan, nan.clone()))


def test_where_every_expected_value_is_zero_the_plain_difference_counts():
    assert relative_error(torch.zeros(3), torch.tensor([0.0, 0.5, 0.0])) == 0.5


def test_the_comparison_is_in_float64():
    expected = torch.ones(1, dtype=torch.float64)
    assert relative_error(expected, expected + 1e-14) == pytest.approx(1e-14, rel=1e-2)


@given(TENSORS)
def test_erring_as_the_reference_errs_is_a_ratio_of_one(exact):
    assume(largest(exact) > 1e-3)
    reference = exact.double() * (1 + 64 * EPS)
    assert noise_ratio(exact.double(), reference, reference.clone()) == pytest.approx(1.0)


def test_the_reference_counts_as_wrong_by_at_least_one_unit_in_the_last_place():
    exact = torch.tensor([1.0, 0.25])
    actual = exact.double() + torch.tensor([0.0, 8 * EPS])
    assert noise_ratio(exact, exact, actual) == pytest.approx(8.0)


def test_a_wrong_zero_is_infinitely_noisy_and_a_right_one_is_not():
    zeros = torch.zeros(2)
    assert noise_ratio(zeros, zeros, zeros) == 0.0
    assert noise_ratio(zeros, zeros, torch.ones(2)) == math.inf


def test_nan_is_no_passing_noise():
    ones = torch.ones(2)
    assert not noise_ratio(ones, ones, ones * math.nan) <= 4.0


def test_the_largest_value_of_nothing_is_zero():
    assert largest(torch.zeros(0)) == 0.0
    assert largest(torch.tensor([1.0, -3.0])) == 3.0


def test_a_nudge_of_the_smallest_element_is_as_large_as_any() -> None:
    from toolkit.compare.metrics import elementwise_error

    expected = torch.tensor([1.0, 1e-6])
    nudged = torch.tensor([1.0, 1.001e-6])
    assert elementwise_error(expected, expected) == 0.0
    assert elementwise_error(expected, nudged) == pytest.approx(1e-3, rel=1e-3)
    assert elementwise_error(expected, nudged[:1]) == math.inf
    assert elementwise_error(torch.zeros(1), torch.ones(1)) == math.inf


@pytest.mark.parametrize("place", [0, PART - 1, PART, 2 * PART, 2 * PART + 2])
def test_a_difference_is_found_in_whatever_part_of_a_large_tensor_it_lies(place):
    expected = torch.ones(2 * PART + 3)
    actual = expected.clone()
    actual[place] = 1.5
    assert relative_error(expected, actual) == 0.5
    actual[place] = math.nan
    assert math.isnan(relative_error(expected, actual))


@given(TENSORS)
def test_the_largest_value_is_the_largest_of_either_sign(tensor):
    assert largest(tensor) == float(tensor.abs().max())
    assert largest(-tensor) == largest(tensor)
    assert math.isnan(largest(torch.cat([tensor, torch.tensor([math.nan])])))


@pytest.mark.parametrize(
    "shape", [(3, PART, 2), (2, 3, PART // 2), (5, 1, 2 * PART), (PART + 1, 7)]
)
def test_how_a_large_tensor_lies_in_memory_is_no_matter(shape):
    expected = torch.randn(shape).transpose(0, 1).contiguous().transpose(0, 1)
    actual = expected.contiguous()
    assert relative_error(expected, actual) == 0.0
    actual[-1, ..., -1] += 2 * largest(expected)
    known = float((actual - expected).abs().max()) / largest(expected)
    assert relative_error(expected, actual) == pytest.approx(known, rel=1e-6)
    actual[0, ..., 0] = math.nan
    assert math.isnan(relative_error(expected, actual))
