"""Ways to break one tensor: what each leaves and what it undoes to."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from toolkit.faults import weights

SEEDS = st.integers(min_value=0, max_value=2**32 - 1)


@pytest.fixture
def tensor():
    return torch.randn(24, 24, generator=torch.Generator().manual_seed(0))


def test_one_element_is_nudged_by_a_thousandth(tensor):
    broken = weights.nudge_element(tensor, seed=1)
    changed = broken != tensor
    assert (broken[changed] / tensor[changed]).tolist() == [pytest.approx(1.001)]


def test_nudging_meets_no_zero():
    tensor = torch.zeros(100)
    tensor[41] = 2.0
    assert weights.nudge_element(tensor, seed=1)[41] == pytest.approx(2.002)
    assert weights.nudge_element(torch.zeros(3), seed=1).equal(torch.zeros(3))


def test_one_element_is_replaced(tensor):
    assert int((weights.replace_element(tensor, seed=1) != tensor).sum()) == 1
    assert int((weights.replace_element(torch.zeros(9), seed=1) != 0).sum()) == 1


def test_one_row_is_replaced(tensor):
    wrong = (weights.replace_row(tensor, seed=1) != tensor).all(1)
    assert int(wrong.sum()) == 1


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_rounding_keeps_the_dtype(tensor, dtype):
    broken = weights.round_values(tensor, dtype=dtype)
    assert broken.dtype == tensor.dtype
    assert not broken.equal(tensor)
    assert weights.round_values(broken, dtype=dtype).equal(broken)


def test_a_shift_comes_back(tensor):
    assert weights.shift_rows(weights.shift_rows(tensor, by=1), by=-1).equal(tensor)


def test_a_shift_with_loss_keeps_all_but_one_row(tensor):
    broken = weights.shift_rows_out(tensor, by=1)
    assert broken[1:].equal(tensor[:-1])
    assert not broken[0].any()


def test_two_rows_are_swapped(tensor):
    broken = weights.swap_rows(tensor, rows=(3, 7))
    assert (broken != tensor).any(1).nonzero().flatten().tolist() == [3, 7]
    assert weights.swap_rows(broken, rows=(3, 7)).equal(tensor)


def test_blocks_are_permuted_along_either_axis(tensor):
    for axis in (0, 1):
        broken = weights.permute_blocks(tensor, order=(1, 0, 2), axis=axis)
        assert broken.narrow(axis, 0, 8).equal(tensor.narrow(axis, 8, 8))
        assert weights.permute_blocks(broken, order=(1, 0, 2), axis=axis).equal(tensor)


def test_a_part_is_cleared_or_refilled(tensor):
    assert float((weights.clear_part(tensor, first=0.0, last=0.5) == 0).float().mean()) == 0.5
    broken = weights.refill_part(tensor, first=2 / 3, last=1.0, seed=1)
    assert broken[:16].equal(tensor[:16])
    assert not (broken[16:] == tensor[16:]).any()


def test_fresh_values_are_those_of_a_new_model(tensor):
    fresh = weights.fresh_values(tensor, seed=1)
    assert fresh.shape == tensor.shape
    assert float(fresh.std()) == pytest.approx(0.02, rel=0.2)


@given(seed=SEEDS, count=st.integers(min_value=3, max_value=40))
def test_shuffled_rows_are_the_same_rows_in_no_rotation(seed, count):
    rows = torch.arange(count)
    broken = weights.shuffle_rows(rows, seed=seed)
    assert broken.sort().values.equal(rows)
    assert not any(broken.equal(rows.roll(by)) for by in range(count))


@given(seed=SEEDS)
def test_no_break_changes_the_tensor_that_it_is_given(seed):
    tensor = torch.arange(1.0, 37.0).view(6, 6)
    before = tensor.clone()
    for change in (weights.nudge_element, weights.replace_element, weights.replace_row):
        assert not change(tensor, seed=seed).equal(before)
    for broken in (
        weights.shift_rows_out(tensor, by=1),
        weights.swap_rows(tensor, rows=(0, 1)),
        weights.clear_part(tensor, first=0.0, last=0.5),
        weights.refill_part(tensor, first=0.0, last=0.5, seed=seed),
        weights.scale_values(tensor, factor=math.sqrt(6)),
        weights.transpose_axes(tensor, axes=(0, 1)),
    ):
        assert not broken.equal(before)
    assert tensor.equal(before)
