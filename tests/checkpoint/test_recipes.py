"""Tensors are joined, cut and put in order, and all of it can be undone."""

import pytest
import torch

from toolkit.checkpoint.recipes import Recipe

A, B = torch.arange(12.0).reshape(6, 2), 100 + torch.arange(4.0).reshape(2, 2)


@pytest.mark.parametrize(
    ("recipe", "sources", "expected"),
    [
        (Recipe(sources=("a",), targets=("x", "y", "z")), [A], [A[:2], A[2:4], A[4:]]),
        (Recipe(sources=("a", "b"), targets=("x",)), [A, B], [torch.cat([A, B])]),
        (
            Recipe(sources=("a",), targets=("x", "y"), order=(1, 2, 0, 3, 5, 4)),
            [A],
            [A[[1, 2, 0]], A[[3, 5, 4]]],
        ),
        (Recipe(sources=("a",), targets=("x",), axes=(0, 1)), [A], [A.t()]),
        (Recipe(sources=("a",), targets=("x",)), [A], [A]),
    ],
)
def test_what_is_made_has_its_shape_and_can_be_undone(recipe, sources, expected):
    made = recipe.make(sources)
    assert all(m.equal(e) for m, e in zip(made, expected, strict=True))
    assert recipe.shape([tuple(s.shape) for s in sources]) == tuple(made[0].shape)
    rows = [s.transpose(*recipe.axes).shape[0] if recipe.axes else s.shape[0] for s in sources]
    again = recipe.undo(made, rows)
    assert all(a.equal(s) for a, s in zip(again, sources, strict=True))


@pytest.mark.parametrize(
    ("recipe", "shapes", "said"),
    [
        (Recipe(sources=("a",), targets=("x", "y")), [(3, 2)], "cuts 3 rows into 2"),
        (Recipe(sources=("a", "b"), targets=("x",)), [(3, 2), (3, 4)], "joins tensors of shapes"),
        (Recipe(sources=("a",), targets=("x",), axes=(0, 1)), [(3,)], "exchanges axes 0 and 1"),
        (Recipe(sources=("a",), targets=("x",), order=(1, 0)), [()], "joins tensors of shapes"),
    ],
)
def test_what_cannot_be_made_is_said(recipe, shapes, said):
    with pytest.raises(ValueError, match=said):
        recipe.shape(shapes)


def test_a_single_number_is_renamed():
    recipe = Recipe(sources=("a",), targets=("x",))
    assert recipe.shape([()]) == ()
    assert recipe.make([torch.tensor(3)])[0].equal(torch.tensor(3))
