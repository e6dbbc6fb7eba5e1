"""Models that agree are run once each, and what modules are given is not kept."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import nn

import toolkit
from toolkit.modules.agreeing import Agreement
from toolkit.modules.meeting import hold_meetings
from toolkit.modules.running import Side, listen
from toolkit.oracle.hooks import shape_alone
from toolkit.replay.pairs import Layout

MATCHED = {"0": "0", "2": "2"}


class Model(nn.Sequential):
    """Two linear maps, with a count of its passes."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
        self.passes = 0

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """What the maps make of it."""
        self.passes += 1
        return super().forward(inputs)


class Batched(Model):
    """The same with the first two axes of its tensors exchanged."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """What the maps make of it."""
        return super().forward(inputs.transpose(0, 1)).transpose(0, 1)


class Backwards(nn.Module):
    """A model whose modules run in another order than they are listed in."""

    def __init__(self) -> None:
        super().__init__()
        self.last, self.first = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """What the maps make of it."""
        return self.last(self.first(inputs))


class Counting(nn.Module):
    """A model that gives something else each time, as long as nobody resets what it has seen."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Its outputs, and as many ones as passes before."""
        outputs = self.linear(inputs) + self.seen
        self.seen += 1
        return outputs


def agreed(source, target, inputs, declared=None, shared=()):
    received = listen(Side(model=source, inputs=inputs, name=""), MATCHED, given=shape_alone)
    agreement = Agreement(MATCHED, received.calls, source, declared or {}, lambda _: 1e-9, shared)
    side = Side(model=target, inputs=inputs, name="")
    made = listen(side, MATCHED, given=shape_alone, made=agreement.hear)
    meetings, _ = hold_meetings(MATCHED, (source, target), received, made)
    return agreement.maybe_errors(meetings, tuple(made.calls))


def test_models_that_agree_are_run_once_each():
    source, target = Model(), Model()
    target.load_state_dict(source.state_dict())
    result = toolkit.compare_modules(source, target, inputs=torch.randn(7, 3))
    assert result.verdict == "match"
    assert (source.passes, target.passes) == (1, 1)
    assert Counter(row.verdict for row in result.modules) == {"pass": 2}


def test_models_that_differ_are_run_again_to_see_what_their_modules_are_given():
    source, target = Model(), Model()
    target.load_state_dict(source.state_dict())
    target[1] = nn.GELU()
    rules = {"{i}.{weight|bias}": "{i}.{weight|bias}"}
    result = toolkit.compare_modules(source, target, rules=rules, inputs=torch.randn(7, 3))
    assert result.verdict == "mismatch"
    assert source.passes > 1


def test_the_errors_of_pairs_that_agree_have_shapes_and_the_order_of_answers():
    model = Model()
    first, last = agreed(model, model, torch.randn(7, 3))
    assert (first.isolated, last.isolated) == (0, 0)
    assert (first.shape, last.shape) == ((7, 5), (7, 2))
    assert (first.order, last.order) == (0, 1)
    assert {one.clip for one in (first, last)} == {"inputs"}


def test_a_module_in_several_places_is_compared_when_its_calls_are_dealt():
    source, target = Model(), Model()
    target.load_state_dict(source.state_dict())
    inputs = torch.randn(7, 3)
    assert agreed(source, target, inputs, shared=("0",)) == agreed(source, target, inputs)


def test_what_agrees_is_not_kept():
    model, inputs = Model(), torch.randn(7, 3)
    received = listen(Side(model=model, inputs=inputs, name=""), MATCHED)
    agreement = Agreement(MATCHED, received.calls, model, {}, lambda _: 1e-9, ())
    right = received.calls["0"][0].outputs
    wrong = {key: tensor + 1 for key, tensor in right.items()}
    assert [t.is_meta for t in (agreement.hear("0", right) or {}).values()] == [True]
    assert agreement.hear("2", wrong) is None
    assert agreement.hear("0", right) is None


def test_one_module_that_differs_too_much_is_no_agreement():
    source, target = Model(), Model()
    target.load_state_dict(source.state_dict())
    with torch.no_grad():
        target[2].weight[0, 0] += 1e-3
    assert agreed(source, target, torch.randn(7, 3)) is None


def test_values_that_are_no_numbers_are_no_agreement():
    source, target = Model(), Model()
    target.load_state_dict(source.state_dict())
    with torch.no_grad():
        target[2].bias[0] = float("nan")
    assert agreed(source, target, torch.randn(7, 3)) is None


def test_a_layout_that_no_values_tell_is_no_agreement():
    source, target = Model(), Batched()
    assert agreed(source, target, torch.randn(4, 4, 3)) is None


def test_axes_that_are_exchanged_are_an_agreement_whatever_their_sizes():
    source, target = Model(), Batched()
    target.load_state_dict(source.state_dict())
    assert agreed(source, target, torch.randn(4, 4, 3)) is not None
    assert agreed(source, target, torch.randn(6, 4, 3)) is not None


def test_a_layout_that_does_not_fit_is_no_agreement():
    model = Model()
    wrong = {path: Layout(path, "T D -> T D", "T D -> D T") for path in MATCHED}
    assert agreed(model, model, torch.randn(7, 3), wrong) is None


@pytest.mark.parametrize("scale", [1.0, 1.01])
def test_modules_have_the_order_in_which_they_answered(scale):
    source, target = Backwards(), Backwards()
    target.load_state_dict(source.state_dict())
    rules = {"{first|last}.{weight|bias}": "{first|last}.{weight|bias}"}
    with torch.no_grad():
        target.last.weight *= scale
    result = toolkit.compare_modules(source, target, rules=rules, inputs=torch.randn(7, 4))
    assert {row.target: row.order for row in result.modules} == {"first": 0, "last": 1}


def test_what_a_model_keeps_of_a_pass_is_not_there_in_the_next():
    source, target = Counting(), Counting()
    target.load_state_dict(source.state_dict())
    with torch.no_grad():
        target.linear.weight[0] *= 1.01
    rules = {"linear.{weight|bias}": "linear.{weight|bias}", "seen": "seen"}
    result = toolkit.compare_modules(source, target, rules=rules, inputs=torch.randn(7, 4))
    assert [f.target_parameters for f in result.findings] == [("linear.weight",)]
    assert int(source.seen) == 0
