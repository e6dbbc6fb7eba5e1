"""The same values are found turned, in parts and in another order; other ones are not."""

import torch

from toolkit.inference import values

ONE, TWO = torch.randn(6, 4), torch.randn(6, 4)


def test_a_digest_tells_shape_and_values_and_not_the_sign_of_zero() -> None:
    zero = torch.zeros(4)
    assert values.digest(zero) == values.digest(-zero)
    assert values.digest(zero) != values.digest(zero.reshape(2, 2))
    assert values.digest(ONE) == values.digest(ONE.double())
    assert values.digest(ONE) != values.digest(ONE + 1e-6)


def test_a_matrix_is_found_turned() -> None:
    (found,) = values.turned({"a": ONE.t().contiguous()}, {"b": ONE, "c": TWO})
    assert (found.sources, found.targets, found.axes) == (("a",), ("b",), (0, 1))
    assert not list(values.turned({"a": ONE.t() + 1e-6}, {"b": ONE}))


def test_parts_are_found_in_their_order() -> None:
    whole = torch.cat([TWO, ONE])
    (cut,) = values.parts({"whole": whole}, {"one": ONE, "two": TWO})
    assert (cut.targets, cut.order) == (("two", "one"), ())
    (joined,) = values.parts({"one": ONE, "two": TWO}, {"whole": whole})
    assert (joined.sources, joined.order) == (("two", "one"), ())
    (turned,) = values.parts({"a": ONE.roll(3, 0)}, {"b": ONE})
    assert turned.order == (1, 0)


def test_rows_that_are_not_all_there_are_no_parts() -> None:
    assert not list(values.parts({"whole": torch.cat([ONE, TWO])}, {"one": ONE, "x": TWO + 1}))


def test_a_bias_goes_as_its_weight_if_the_values_do() -> None:
    bias = torch.randn(6)
    (recipe,) = values.parts({"a.w": ONE.roll(3, 0)}, {"b.w": ONE})
    source, target = {"a.w": ONE.roll(3, 0), "a.z": bias.roll(3)}, {"b.w": ONE, "b.b": bias}
    (beside,) = values.alike(recipe, source, target)
    assert (beside.sources, beside.targets, beside.order) == (("a.z",), ("b.b",), (1, 0))
    assert not list(values.alike(recipe, {**source, "a.z": bias}, target))


def test_few_values_say_nothing() -> None:
    assert values.is_telling(ONE)
    assert not values.is_telling(torch.ones(100))
    assert not values.is_telling(torch.randn(3))
    assert not values.is_known(ONE.to("meta"))
