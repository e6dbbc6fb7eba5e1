"""Without rules, tensors of the same values belong together; what that leaves open is named."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from toolkit import BadInput, carry_weights, compare_modules

X = torch.randn(3, 4, generator=torch.Generator().manual_seed(1))


def test_values_that_stand_in_one_place_are_rule_enough():
    source = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 4))
    target = nn.Sequential(nn.Identity(), nn.Linear(4, 6), nn.Linear(6, 4))
    rules = {f"{n}.{{weight|bias}}": f"{n + 1}.{{weight|bias}}" for n in range(2)}
    carry_weights(source, target, rules)
    assert compare_modules(source, target, inputs=X).verdict == "match"


def test_values_that_stand_in_several_places_are_named():
    source = nn.Sequential(nn.LayerNorm(4), nn.LayerNorm(4))
    target = nn.Sequential(nn.Identity(), nn.LayerNorm(4), nn.LayerNorm(4))
    with pytest.raises(BadInput, match="must say what becomes of `0.weight`, `0.bias`"):
        compare_modules(source, target, inputs=X)
