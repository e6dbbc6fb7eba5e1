"""NaN and infinities of a file are counted, tensor by tensor, whatever the dtype."""

from __future__ import annotations

import pytest
import torch

from toolkit.checkpoint import open_checkpoint
from toolkit.checkpoint.finite import MAX_NAMED, expect_finite, find_not_finite
from toolkit.core.errors import BadInput
from toolkit.core.spec import NotFinite

NAN, INF = float("nan"), float("inf")


@pytest.fixture(params=[True, False], ids=["zip", "legacy"])
def found(request, tmp_path):
    """What is found in a file of these tensors."""

    def find(**tensors):
        path = tmp_path / "model.pt"
        torch.save(
            {"model": tensors, "args": None}, path, _use_new_zipfile_serialization=request.param
        )
        opened = open_checkpoint(path)
        return find_not_finite(opened, opened.tensors)

    return find


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_each_is_counted_in_every_floating_dtype(found, dtype):
    values = torch.tensor([[1.0, NAN, INF], [-INF, -0.0, -NAN]], dtype=dtype)
    assert found(w=values) == (NotFinite(name="w", nan=2, inf=2),)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_the_largest_and_smallest_numbers_are_finite(found, dtype):
    limits = torch.finfo(dtype)
    assert not found(w=torch.tensor([limits.max, limits.min, limits.smallest_normal], dtype=dtype))


def test_one_value_beyond_the_first_window_is_found(found):
    values = torch.zeros(3, 200_000)
    values[2, -1] = INF
    assert found(good=torch.ones(2), w=values) == (NotFinite(name="w", nan=0, inf=1),)


def test_a_view_is_judged_by_its_own_values_alone(found):
    values = torch.zeros(4, 6)
    values[:, 5] = NAN
    assert not found(w=values[:, :3])
    assert found(w=values.t()[3:]) == (NotFinite(name="w", nan=4, inf=0),)


def test_both_names_of_a_tied_tensor_are_named(found):
    values = torch.tensor([NAN])
    assert [tensor.name for tensor in found(a=values, b=values)] == ["a", "b"]


def test_integers_scalars_and_empty_tensors_are_looked_at_too(found):
    tensors = {"i": torch.full((2,), -1), "e": torch.zeros(0, 3), "s": torch.tensor(NAN)}
    assert found(**tensors) == (NotFinite(name="s", nan=1, inf=0),)


def test_the_error_names_all_with_their_counts_and_is_bounded(tmp_path):
    tensors = {f"layers.{i}.weight": torch.tensor([NAN, INF]) for i in range(MAX_NAMED + 30)}
    torch.save({"model": tensors, "args": None}, tmp_path / "model.pt")
    opened = open_checkpoint(tmp_path / "model.pt")
    with pytest.raises(BadInput) as error:
        expect_finite(opened, opened.tensors)
    said = str(error.value)
    assert "50 tensors do not: `layers.0.weight` (1 NaN, 1 infinite), " in said
    assert said.count("layers.") == MAX_NAMED
    assert "and 30 others. Use " in said
