"""What models return is compared as far as it goes together, and the result says what was not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import toolkit
from toolkit.core.measures import Level

Returns = Callable[[Tensor], Any]


class Returning(nn.Module):
    """A layer, and a model that returns what is made of what it gives."""

    def __init__(self, made: Returns) -> None:
        super().__init__()
        self.layer, self.made = nn.Linear(4, 3), made

    def forward(self, values: Tensor) -> Any:
        return self.made(self.layer(values))


def outputs_of(source: Returns, target: Returns, **named: Any) -> Level:
    models = Returning(source), Returning(target)
    models[1].load_state_dict(models[0].state_dict())
    torch.manual_seed(0)
    return toolkit.compare_modules(*models, inputs=torch.randn(5, 4), **named).level("outputs")


@pytest.mark.parametrize(
    ("source", "target", "compared"),
    [
        (lambda x: x, lambda x: (x, x + 1), 1),
        (lambda x: (x, x + 1), lambda x: (x, x + 1), 2),
        (lambda x: (x, x + 1), lambda x: (x, x, x + 2), 1),
        (lambda x: {"a": x, "b": [x + 1]}, lambda x: {"c": x, "b": [x + 1]}, 2),
        (lambda x: x, lambda x: {"b": x}, 1),
    ],
)
def test_outputs_go_together_that_come_first_or_have_one_name(source, target, compared):
    level = outputs_of(source, target)
    assert (level.verdict, level.worst.compared) == ("pass", compared)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (lambda x: (x, x + 1), lambda x: (x, x + 2)),
        (lambda x: {"a": x, "b": [x]}, lambda x: {"c": x, "b": [x + 1]}),
        (lambda x: {"a": x, "b": x}, lambda x: {"a": x, "b": x[:, :2]}),
    ],
)
def test_a_further_output_that_differs_is_no_match(source, target):
    assert outputs_of(source, target).verdict == "fail"


def test_the_result_says_what_was_not_compared_until_it_is_named():
    both = (lambda x: (x, x + 1), lambda x: {"a": x, "b": x + 2})
    level = outputs_of(*both)
    assert level.verdict == "pass"
    assert level.summary.endswith(
        "; not compared: the source's `1` and the target's `b`, which `outputs` can name"
    )
    level = outputs_of(*both, outputs={"0": "a", "1": "b"})
    assert level.verdict == "fail"
    assert "not compared" not in level.summary
