"""Which breaks provably change nothing."""

import json
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from toolkit.faults import maybe_harmless, weights
from toolkit.faults.facts import DIRECTION, GAIN

ROWS = st.lists(st.integers(min_value=0, max_value=2), min_size=2, max_size=8)


def write(folder, tensors, config):
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def compare(before, after, config_before=None, config_after=None):
    """The proof for two folders that hold these tensors and configurations."""
    with tempfile.TemporaryDirectory() as scratch:
        left = write(Path(scratch) / "before", before, config_before)
        right = write(Path(scratch) / "after", after, config_after)
        return maybe_harmless(left, right)


def norm(gain, direction):
    return {f"conv{GAIN}": gain, f"conv{DIRECTION}": direction}


@given(rows=ROWS, data=st.data())
def test_a_permutation_is_harmless_exactly_if_it_moves_equal_rows_only(rows, data):
    order = data.draw(st.permutations(range(len(rows))))
    tensor = torch.tensor(rows, dtype=torch.float32)[:, None].expand(-1, 3).contiguous()
    permuted = tensor[torch.tensor(order)].contiguous()
    proof = compare({"rows": tensor}, {"rows": permuted})
    assert (proof is not None) == ([rows[i] for i in order] == rows)


@given(rows=ROWS)
def test_a_swap_of_equal_rows_is_harmless(rows):
    tensor = torch.tensor([*rows, rows[0]], dtype=torch.float32)[:, None]
    swapped = weights.swap_rows(tensor, rows=(0, len(rows)))
    assert "the same dtype, shape and bits" in compare({"rows": tensor}, {"rows": swapped})


@pytest.mark.parametrize(
    "after",
    [
        {"t": torch.tensor([-0.0, 1.0])},
        {"t": torch.tensor([0.0, 1.0], dtype=torch.float16)},
        {"t": torch.tensor([[0.0, 1.0]])},
        {"t": torch.tensor([0.0, 1.0]), "more": torch.zeros(1)},
        {"u": torch.tensor([0.0, 1.0])},
        {},
    ],
    ids=["sign_of_zero", "dtype", "shape", "added", "renamed", "removed"],
)
def test_any_other_bit_spoils_the_proof(after):
    assert compare({"t": torch.tensor([0.0, 1.0])}, after) is None


def test_equal_bits_of_no_number_are_equal():
    tensor = torch.tensor([float("nan")])
    assert compare({"t": tensor}, {"t": tensor.clone()}) is not None


@pytest.mark.parametrize("value", [True, 1.0, 2, None, [1]])
def test_a_json_value_of_another_kind_spoils_the_proof(value):
    tensors = {"t": torch.zeros(1)}
    assert compare(tensors, tensors, {"key": 1}, {"key": value}) is None


def test_the_order_of_keys_does_not_matter():
    tensors = {"t": torch.zeros(1)}
    assert compare(tensors, tensors, {"x": 1, "y": 2}, {"y": 2, "x": 1}) is not None


def test_a_file_more_spoils_the_proof(converted, broken):
    (broken / "notes.txt").write_text("here")
    assert maybe_harmless(converted, broken) is None


def test_another_file_is_compared_byte_for_byte(converted, broken):
    tokenizer = broken / "tokenizer.json"
    tokenizer.rename(broken / "tokenizer.txt")
    assert maybe_harmless(converted, broken) is None


@given(power=st.integers(min_value=-8, max_value=8))
def test_a_power_of_two_is_divided_out_of_a_direction(power):
    chance = torch.Generator().manual_seed(3)
    gain, direction = torch.rand(1, 1, 5, generator=chance), torch.randn(8, 4, 5, generator=chance)
    proof = compare(norm(gain, direction), norm(gain, direction * 2.0**power))
    assert proof is not None
    assert ("`conv`" in proof) == (power != 0)


def test_gain_and_direction_broken_into_another_weight_are_no_proof():
    gain, direction = torch.ones(1, 1, 5), torch.ones(8, 4, 5)
    assert compare(norm(gain, direction), norm(gain * 2, direction)) is None
    assert compare(norm(gain, direction), norm(gain, direction * 0)) is None
    assert compare(norm(gain, direction * 0), norm(gain * 2, direction * 0)) is None
    assert compare(norm(gain, direction), {f"conv{GAIN}": gain}) is None


def test_a_resplit_norm_does_not_hide_another_tensor():
    gain, direction = torch.ones(1, 1, 5), torch.ones(8, 4, 5)
    before = {**norm(gain, direction), "t": torch.zeros(2)}
    after = {**norm(gain, direction * 2), "t": torch.ones(2)}
    assert compare(before, after) is None


def test_a_folder_is_itself(converted):
    assert load_file(converted / "model.safetensors")
    assert maybe_harmless(converted, converted) is not None
