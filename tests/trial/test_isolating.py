import pytest
import torch
from torch import nn

from toolkit.compare.tolerances import ISOLATED, SAME_INPUT
from toolkit.oracle.hooks import Call
from toolkit.replay.pairs import Layout, Pair
from toolkit.replay.replay import CannotReplayError
from toolkit.trial.isolating import isolate

PAIR = Pair(target="halving", source="halving", layout=Layout("halving", "T B D", "B T D"))
INPUT = torch.arange(24.0, dtype=torch.float64).reshape(2, 3, 4) + 1


class Halving(nn.Module):
    """Halves its input, or multiplies it with another factor, and counts how often."""

    def __init__(self, factor=0.5):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor, dtype=torch.float64))
        self.times = 0

    def forward(self, values):
        self.times += 1
        return values * self.factor


def isolated(module, given, **options):
    """The outcome for a module that received `given` by itself, and fairseq `INPUT`."""
    made = Call(arguments={"values": given}, outputs={"": module(given).detach()})
    received = Call(
        arguments={"x": INPUT.transpose(0, 1)}, outputs={"": INPUT.transpose(0, 1) * 0.5}
    )
    module.times = 0
    whole = nn.ModuleDict({"halving": module})
    return isolate(PAIR, whole, whole, made, received, ISOLATED, **options)


def test_a_right_module_that_received_the_same_is_not_run_again():
    module = Halving()
    outputs = isolated(module, INPUT.clone())
    assert module.times == 0
    assert outputs.actual.equal(outputs.expected)


def test_rounding_of_the_input_counts_as_the_same():
    module = Halving()
    isolated(module, INPUT * (1 + SAME_INPUT / 4))
    assert module.times == 0


def test_a_right_module_behind_a_wrong_one_is_run_on_fairseqs_input_and_is_right():
    module = Halving()
    outputs = isolated(module, INPUT * (1 + 1e-10))
    assert module.times == 1
    assert outputs.actual.equal(outputs.expected)


def test_a_wrong_module_is_run_again_and_stays_wrong():
    module = Halving(0.5 + 1e-8)
    outputs = isolated(module, INPUT.clone())
    assert module.times == 1
    assert not outputs.actual.equal(outputs.expected)


def test_two_wrongs_that_cancel_out_are_not_taken_for_right():
    module = Halving(0.25)
    outputs = isolated(module, INPUT * 2)
    assert module.times == 1
    assert outputs.actual.equal(INPUT * 0.25)


def test_a_module_whose_own_call_had_another_shape_is_run_on_fairseqs():
    module = Halving()
    outputs = isolated(module, INPUT[:, :2])
    assert module.times == 1
    assert outputs.actual.equal(outputs.expected)


def test_a_module_that_cannot_take_fairseqs_input_is_a_result_of_its_own():
    class Picky(Halving):
        def forward(self, values):
            if values.shape[1] == 3:
                raise RuntimeError("three frames")
            return super().forward(values)

    with pytest.raises(CannotReplayError, match="three frames"):
        isolated(Picky(), INPUT[:, :2])


def test_where_its_place_is_enough_a_module_may_be_given_something_else():
    module = Halving(0.25)
    outputs = isolated(module, INPUT * 2, in_place=True)
    assert (module.times, outputs.error) == (0, 0.0)
    assert isolated(module, INPUT * 2).error is None
    assert module.times == 1
