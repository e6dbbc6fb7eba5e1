"""Wrong values: every one is wrong, and none is offered where nothing can go wrong."""

import pytest

from toolkit.core.slips import (
    CONFIG,
    Right,
    activations,
    counted,
    gained,
    halved,
    lost,
    one_step_off,
    other,
    other_divisors,
    others,
    plus,
    slip,
    toggled,
    unseen,
)


def right(value, **siblings):
    return Right(value=value, siblings=siblings, config={}, tags={})


@pytest.mark.parametrize(
    ("wrong", "value", "expected"),
    [
        (others(1, 2, 3), 2, (1, 3)),
        (other(0.1, 0.0), 0.1, (0.0,)),
        (other(0.1, 0.0), 0.0, (0.1,)),
        (toggled, True, (False,)),
        (lost, True, (False,)),
        (lost, False, ()),
        (gained, False, (True,)),
        (gained, True, ()),
        (plus(1, -1), 3, (4, 2)),
        (plus(1, -1), 1, (2,)),
        (counted(plus(1, -1)), 3, (4, 2)),
        (counted(plus(1, -1)), 0, ()),
        (halved, 16, (8,)),
        (one_step_off, [5, 2, 2], ([5, 2, 3], [2, 5, 2])),
        (one_step_off, [2, 2], ([2, 3],)),
        (activations, "gelu", ("relu", "gelu_new")),
    ],
)
def test_wrong_values_are_those_that_are_not_right(wrong, value, expected):
    assert wrong(right(value)) == expected


@pytest.mark.parametrize(("heads", "expected"), [(3, (2, 4)), (1, (2,)), (12, (6,))])
def test_other_divisors_divide_the_width_beside_the_key(heads, expected):
    assert other_divisors("width")(right(heads, width=12)) == expected


def test_a_slip_is_a_wrong_value_unless_it_has_a_name():
    assert slip("a", "a_changed", toggled).hypotheses == ("wrong_value",)
    assert slip("a", "a_changed", toggled, "norm_order").hypotheses == ("norm_order",)
    assert slip("a", "a_changed", toggled).file == CONFIG


def test_what_nobody_sees_is_noted():
    assert unseen("a", "a_changed", toggled).noted
    assert not slip("a", "a_changed", toggled).noted
