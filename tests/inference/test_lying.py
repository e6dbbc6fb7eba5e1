"""A matrix lies transposed where what is added to its output is as long as its other axis."""

from toolkit.inference.lying import lying, upright

SHAPES = {
    "up.kernel": (4, 6),
    "up.bias": (6,),
    "out.kernel": (4, 4),
    "out.bias": (4,),
    "down.weight": (4, 6),
    "down.bias": (4,),
    "norm.weight": (4,),
    "norm.bias": (4,),
}


def test_the_bias_says_how_a_matrix_lies() -> None:
    assert "up.kernel" in lying(SHAPES)
    assert "down.weight" not in lying(SHAPES)
    assert upright(SHAPES)["up.kernel"] == (6, 4)
    assert upright(SHAPES)["down.weight"] == (4, 6)


def test_a_square_one_lies_as_all_others_that_are_called_alike() -> None:
    assert "out.kernel" in lying(SHAPES)
    assert "out.kernel" not in lying({**SHAPES, "gate.kernel": (6, 4), "gate.bias": (6,)})
    assert lying({"out.kernel": (4, 4), "out.bias": (4,)}) == frozenset()


def test_a_matrix_without_a_bias_of_its_own_says_nothing() -> None:
    assert not lying({"emb.weight": (9, 4)})
    assert not lying({"emb.weight": (9, 4), "emb.mask": (4,), "emb.inner.weight": (2, 2)})
    assert not lying({"att.u": (2, 4), "att.v": (2, 4), "att.bias": (4,)})
    assert not lying({"up.kernel": (4, 6), "up.bias": (5,)})
