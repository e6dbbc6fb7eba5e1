from __future__ import annotations

import inspect
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from toolkit.oracle.hooks import recording
from toolkit.oracle.remembering import remembering

HEARD = torch.tensor([1.0, 2.0])


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Identity()
        self.computed = 0

    def forward(self, heard, mask=None, return_dict=None, loud=False):  # noqa: ARG002
        self.computed += 1
        return {"out": [self.inner(heard) * (2 if loud else 1)], "mask": mask}


@pytest.fixture
def encoder():
    encoder = Encoder()
    with remembering(encoder):
        yield encoder


def test_who_is_asked_the_same_again_gives_the_answer_without_computing(encoder):
    first = encoder(HEARD)
    assert torch.equal(encoder(heard=HEARD.clone())["out"][0], first["out"][0])
    assert encoder.computed == 1


def test_how_an_answer_is_wrapped_and_what_is_not_wanted_makes_no_difference(encoder):
    encoder(HEARD, None, return_dict=True)
    encoder(HEARD, loud=False)
    assert encoder.computed == 1


@pytest.mark.parametrize(
    "other",
    [
        {"heard": HEARD + 1},
        {"heard": HEARD[:1]},
        {"heard": HEARD, "mask": torch.ones(2)},
        {"heard": HEARD, "loud": True},
    ],
)
def test_another_question_is_computed(encoder, other):
    encoder(HEARD)
    encoder(**other)
    assert encoder.computed == 2


def test_an_answer_whose_parts_are_exchanged_is_remembered_as_it_was(encoder):
    encoder(HEARD)["out"] = "exchanged"
    assert encoder(HEARD)["out"][0].tolist() == [1.0, 2.0]


def test_a_question_that_changes_afterwards_is_remembered_as_it_was(encoder):
    heard = HEARD.clone()
    encoder(heard)
    heard.zero_()
    encoder(HEARD)
    encoder(heard)
    assert encoder.computed == 2


def test_where_a_module_within_is_watched_it_computes_and_the_call_is_seen(encoder):
    encoder(HEARD)
    with recording(encoder, ("inner",)) as calls:
        encoder(HEARD)
    assert encoder.computed == 2
    assert len(calls["inner"]) == 1


def test_its_own_call_is_seen_although_it_does_not_compute(encoder):
    encoder(HEARD)
    with recording(encoder, ("",)) as calls:
        encoder(HEARD)
    assert encoder.computed == 1
    assert torch.equal(calls[""][0].inputs["heard"], HEARD)


def test_float64_is_computed_each_time(encoder):
    for _ in range(2):
        encoder(HEARD.double())
    assert encoder.computed == 2


def test_nothing_is_remembered_afterwards():
    encoder = Encoder()
    before = inspect.signature(encoder.forward)
    with remembering(encoder):
        assert inspect.signature(encoder.forward) == before
        encoder(HEARD)
    encoder(HEARD)
    assert encoder.computed == 2
    assert "forward" not in vars(encoder)


def test_what_is_raised_is_not_remembered_and_the_module_is_left_as_it_was():
    encoder = Encoder()
    with pytest.raises(TypeError), remembering(encoder):
        encoder(SimpleNamespace())
    assert "forward" not in vars(encoder)
