"""A checkpoint shows the tensors that recipes make of those of its file."""

import pytest
import torch

from toolkit.checkpoint import open_checkpoint
from toolkit.checkpoint.finite import expect_finite
from toolkit.checkpoint.recipes import Recipe
from toolkit.checkpoint.remade import remake_tensors
from toolkit.core.errors import BadInput

from .samples import save

QKV, LEFT, RIGHT = torch.randn(6, 2), torch.randn(2, 3), torch.randn(1, 3)
MODEL = {"qkv": QKV, "left": LEFT, "right": RIGHT, "same": torch.ones(2), "old": torch.zeros(1)}
CUT = Recipe(sources=("qkv",), targets=("q", "k", "v"), origin="row 1")
JOINED = Recipe(sources=("left", "right"), targets=("whole",), origin="row 2")
CALLED = Recipe(sources=("old",), targets=("new",), origin="row 3")


@pytest.fixture
def checkpoint(tmp_path):
    return open_checkpoint(save(tmp_path / "model.pt", MODEL))


def test_made_tensors_stand_where_their_first_source_stood(checkpoint):
    made = remake_tensors(checkpoint, [CUT, JOINED, CALLED])
    assert list(made.tensors) == ["q", "k", "v", "whole", "same", "new"]
    expected = {"q": QKV[:2], "k": QKV[2:4], "v": QKV[4:], "whole": torch.cat([LEFT, RIGHT])}
    for name, tensor in expected.items():
        assert made.load(name).equal(tensor)
        assert made.mapped(name).equal(tensor)
        assert made.state_dict()[name].equal(made.mapped_state_dict()[name])
        assert made.tensors[name].shape == tuple(tensor.shape)
        assert not made.location(name).contiguous
    assert made.load("same").equal(torch.ones(2))
    assert made.as_dtype("float16").load("q").dtype == torch.float16


def test_renames_alone_leave_every_tensor_where_it_lies(checkpoint):
    made = remake_tensors(checkpoint, [CALLED])
    assert made.location("new") == checkpoint.location("old")
    assert made.stored_dtype("new") == "float32"


def test_what_is_made_does_not_lie_in_one_piece(checkpoint):
    with pytest.raises(BadInput, match=r"`q` must lie in .* in one piece.*row 1"):
        remake_tensors(checkpoint, [CUT]).stride("q")


def test_a_number_that_is_none_is_found_in_what_a_tensor_is_made_of(tmp_path):
    broken = {**MODEL, "qkv": QKV.clone().fill_(float("nan"))}
    made = remake_tensors(open_checkpoint(save(tmp_path / "model.pt", broken)), [CUT])
    with pytest.raises(BadInput, match="`qkv` .12 NaN"):
        expect_finite(made, ["k", "same"])
    expect_finite(made, ["same"])


@pytest.mark.parametrize(
    ("recipes", "said"),
    [
        ([Recipe(sources=("none",), targets=("a",), origin="row")], "`none` is none"),
        ([CUT, Recipe(sources=("qkv",), targets=("a",), origin="r")], "taken 2 times"),
        ([Recipe(sources=("old",), targets=("same",), origin="r")], "`same` must be the name"),
        ([Recipe(sources=("left",), targets=("a", "b", "c"), origin="r")], "cuts 2 rows into 3"),
    ],
)
def test_recipes_that_do_not_fit_are_refused(checkpoint, recipes, said):
    with pytest.raises(BadInput, match=said):
        remake_tensors(checkpoint, recipes)
