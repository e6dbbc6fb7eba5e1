"""Outputs are the same up to an order of axes, and nothing else."""

import torch

from toolkit.inference.activations import Outputs, difference, same_whole

ONE = torch.randn(3, 4, 5, dtype=torch.float64)


def test_an_order_of_axes_makes_no_difference() -> None:
    assert difference(ONE, ONE.permute(2, 0, 1)) == 0
    assert Outputs([ONE]).holds(ONE.transpose(0, 2))


def test_another_value_or_order_of_rows_does() -> None:
    assert difference(ONE, ONE + 1e-6) > 1e-9
    assert difference(ONE, ONE.flip(0)) > 1e-9
    assert difference(ONE, torch.randn(4, 5, dtype=torch.float64)) == float("inf")
    assert not Outputs([ONE]).holds(ONE.roll(1, 2))


def test_what_is_no_number_is_the_same_as_nothing() -> None:
    nan = torch.full((2, 2), float("nan"), dtype=torch.float64)
    assert difference(nan, nan) > 1e-9


def test_the_same_infinity_in_the_same_place_is_no_difference() -> None:
    ruled_out = ONE.clone()
    ruled_out[0, 1] = float("-inf")
    assert difference(ruled_out, ruled_out.permute(2, 0, 1)) == 0
    assert difference(ruled_out, ONE) == difference(ONE, ruled_out) == float("inf")
    assert difference(-ruled_out, ruled_out) == float("inf")
    nothing = torch.full_like(ONE, float("-inf"))
    assert difference(nothing, nothing) == float("inf")


def test_models_that_give_other_things_are_not_the_same() -> None:
    assert same_whole({"a": ONE}, {"a": ONE}) == 0
    assert same_whole({}, {}) == float("inf")
    assert same_whole({"a": ONE}, {"a": ONE, "b": ONE}) == float("inf")
    assert same_whole({"a": ONE, "b": ONE}, {"a": ONE}) == 0
    assert same_whole({"a": ONE}, {}) == float("inf")
