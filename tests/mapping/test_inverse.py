"""A plan read backwards gives every source tensor again, bit for bit."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from toolkit.core.errors import BrokenRule
from toolkit.core.spec import TensorSpec
from toolkit.mapping import (
    Copy,
    Drop,
    Fill,
    Identity,
    Op,
    Pick,
    Rule,
    SplitWeightNorm,
    Table,
    Tie,
    Transpose,
    make_plan,
)
from toolkit.mapping.inverse import invert_plan, made_by, plan_back

FLOATS = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
OPS = (Copy(), SplitWeightNorm(), Pick(0), Transpose(0, 1), Transpose(1, 2))
TABLE = Table(
    name="both ways",
    rows=(
        Rule("layers.{i}.fc.{weight|bias}", "blocks.{i}.linear.{weight|bias}"),
        Rule("pos.weight", ("pos.gain", "pos.direction"), SplitWeightNorm()),
        Tie("out.weight", "layers.0.fc.weight", "head.weight", "blocks.0.linear.weight", "tied"),
        Drop("version", "it only says how old the file is"),
        Fill("projection.weight", Identity(), "widths are equal"),
    ),
)
SHAPES = {
    "layers.0.fc.weight": (4, 4),
    "layers.0.fc.bias": (4,),
    "pos.weight": (4, 2, 3),
    "out.weight": (4, 4),
    "version": (1,),
}
TARGETS = {
    "blocks.0.linear.weight": (4, 4),
    "blocks.0.linear.bias": (4,),
    "pos.gain": (1, 1, 3),
    "pos.direction": (4, 2, 3),
    "head.weight": (4, 4),
    "projection.weight": (4, 4),
}


def specs(shapes: dict[str, tuple[int, ...]]) -> dict[str, TensorSpec]:
    return {n: TensorSpec(name=n, dtype="float32", shape=shape) for n, shape in shapes.items()}


@st.composite
def sources(draw: st.DrawFn, op: Op) -> torch.Tensor:
    """A tensor that an op takes, of any size and scale, some of it zero."""
    first = 1 if isinstance(op, Pick) else draw(st.integers(1, 5))
    shape = (first, draw(st.integers(1, 5)), draw(st.integers(1, 6)))
    torch.manual_seed(draw(st.integers(0, 2**20)))
    source = torch.randn(shape, dtype=torch.float64) * 10.0 ** draw(st.integers(-3, 3))
    source[:, :, draw(st.lists(st.integers(0, shape[2] - 1)))] = 0
    return source.to(draw(st.sampled_from(FLOATS)))


@given(st.sampled_from(OPS).flatmap(lambda op: st.tuples(st.just(op), sources(op))))
def test_what_an_op_did_is_undone_bit_for_bit(case: tuple[Op, torch.Tensor]) -> None:
    op, source = case
    inverse = op.invert(op.apply(source))
    assert inverse.dtype == source.dtype
    assert inverse.equal(source)


def test_every_source_tensor_has_a_way_back_or_a_reason() -> None:
    inverse = invert_plan(make_plan(TABLE, specs(SHAPES), specs(TARGETS)))
    assert set(inverse.recovered) == {"layers.0.fc.weight", "layers.0.fc.bias", "pos.weight"}
    assert inverse.twins == {"out.weight": "layers.0.fc.weight"}
    assert [(r.name, r.because) for r in inverse.gone] == [
        ("version", "it only says how old the file is")
    ]
    assert inverse.made == {"projection.weight": Identity()}


def test_a_tensor_that_became_two_is_made_of_both_in_their_order() -> None:
    backwards = dict(reversed(specs(TARGETS).items()))
    recovery = invert_plan(make_plan(TABLE, specs(SHAPES), backwards)).recovered["pos.weight"]
    assert recovery.targets == ("pos.gain", "pos.direction")
    source = torch.randn(4, 2, 3)
    made = dict(zip(recovery.targets, recovery.op.apply(source), strict=True))
    assert recovery.recover(made.__getitem__).equal(source)
    made["pos.gain"] = made["pos.gain"] * 2  # trained since
    torch.testing.assert_close(recovery.recover(made.__getitem__), source * 2)


NAMED = Table(
    name="renames",
    rows=(
        *TABLE.rows[:1],
        Rule("head.{weight|bias}", "lm_head.{weight|bias}"),
        Fill("projection.weight", Identity(), "widths are equal"),
    ),
)


def test_the_names_of_a_source_that_nobody_has_follow_from_its_target() -> None:
    targets = {n: TARGETS[n] for n in ("blocks.0.linear.weight", "projection.weight")}
    plan = plan_back(NAMED, specs(targets))
    assert {name: spec.shape for name, spec in plan.sources.items()} == {
        "layers.0.fc.weight": (4, 4)
    }
    assert invert_plan(plan).made == {"projection.weight": Identity()}


def test_what_no_rule_makes_is_told_apart() -> None:
    names = ["blocks.7.linear.bias", "lm_head.weight", "lora.weight", "projection.weight"]
    assert made_by(NAMED.rows, names) == ("blocks.7.linear.bias", names[1], names[3])


def test_a_target_that_two_rules_make_is_an_error() -> None:
    twice = Table(name="twice", rows=(*NAMED.rows, Rule("a.{i}", "blocks.{i}.linear.weight")))
    with pytest.raises(BrokenRule, match="must be produced exactly once"):
        plan_back(twice, specs({"blocks.0.linear.weight": (4, 4)}))
