"""Without rules, tensors of the same values belong together; what nothing tells is named."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.modules.ports import PORTS
from toolkit import BadInput, carry_weights, compare_modules

X = torch.randn(3, 4, generator=torch.Generator().manual_seed(1))


def test_values_that_stand_in_one_place_are_rule_enough():
    source = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 4))
    target = nn.Sequential(nn.Identity(), nn.Linear(4, 6), nn.Linear(6, 4))
    rules = {f"{n}.{{weight|bias}}": f"{n + 1}.{{weight|bias}}" for n in range(2)}
    carry_weights(source, target, rules)
    assert compare_modules(source, target, inputs=X).verdict == "match"


@pytest.mark.parametrize("make", PORTS.values(), ids=PORTS.keys())
def test_a_port_needs_no_rules_where_it_holds_the_values_of_its_source(make):
    port = make()
    result = compare_modules(port.source, port.target, **{**port.asked(), "rules": None})
    assert result.verdict == "match"
    assert all(a.because.startswith("dropped: it has one value") for a in result.assumptions)


def test_what_nothing_tells_is_named_and_not_guessed():
    source = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    with pytest.raises(BadInput, match="`rules` must be given, as nothing tells"):
        compare_modules(source, nn.Sequential(nn.Linear(4, 4)), inputs=X)
