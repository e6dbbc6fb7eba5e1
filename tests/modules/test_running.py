"""A model is called as asked, and stays in every respect as it was."""

from __future__ import annotations

import copy
import random

import numpy as np
import pytest
import torch
from torch import nn

from toolkit import BadInput, compare_modules

X = torch.randn(3, 4, generator=torch.Generator().manual_seed(1))


class Touchy(nn.Module):
    """Writes to its input, to a buffer and to an attribute, and draws random numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)
        self.calls = nn.Buffer(torch.zeros(()), persistent=False)
        self.table = torch.ones(4)

    def forward(self, x):
        self.calls += 1
        self.table = self.table * 2
        random.random(), np.random.rand(), torch.rand(1)
        return self.norm(self.linear(x.mul_(2)))


class Twice(nn.Module):
    """One module in two places."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x):
        for layer in self.layers:
            x = torch.tanh(layer(x))
        return x


class Often(nn.Module):
    """One module in a loop."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.layer, self.times = nn.Linear(4, 4), times

    def forward(self, x):
        for _ in range(self.times):
            x = torch.tanh(self.layer(x))
        return x


class Raising(nn.Module):
    """A module that raises an error behind a part of it."""

    def __init__(self, *, raises: bool) -> None:
        super().__init__()
        self.part, self.raises = nn.Linear(4, 4), raises

    def forward(self, x):
        y = self.part(x)
        if self.raises:
            raise KeyError("on purpose")
        return y


def hooks_of(*models: nn.Module) -> int:
    modules = [module for model in models for module in model.modules()]
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in modules)


def test_models_inputs_and_random_numbers_are_afterwards_as_before():
    source = Touchy().train()
    target = copy.deepcopy(source)
    target.norm.eval()
    inputs, state = X.clone(), copy.deepcopy(source.state_dict())
    drawn = (torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate())
    assert compare_modules(source, target, inputs=inputs).verdict == "match"
    assert inputs.equal(X)
    assert all(tensor.equal(state[name]) for name, tensor in source.state_dict().items())
    assert [m.training for m in target.modules()] == [True, True, False]
    assert (float(source.calls), float(source.table[0])) == (0, 1)
    assert torch.get_rng_state().equal(drawn[0])
    assert (np.random.get_state()[1] == drawn[1]).all()
    assert random.getstate() == drawn[2]
    assert hooks_of(source, target) == 0
    assert all(p.requires_grad and p.grad is None for p in source.parameters())


def test_a_source_that_raises_is_bad_input_and_no_hook_stays():
    source, target = Raising(raises=True), Raising(raises=False)
    target.load_state_dict(source.state_dict())
    with pytest.raises(BadInput, match="must answer to its inputs, but raises KeyError"):
        compare_modules(source, target, inputs=X)
    assert hooks_of(source, target) == 0


def test_a_target_that_raises_is_a_mismatch_that_names_the_module_and_the_error():
    source, target = (nn.Sequential(Raising(raises=r)) for r in (False, True))
    target.load_state_dict(source.state_dict())
    result = compare_modules(source, target, inputs=X)
    (finding,) = result.findings
    assert (result.verdict, finding.target_module) == ("mismatch", "0")
    assert finding.summary == "the target raises KeyError: 'on purpose'"
    assert hooks_of(source, target) == 0


@pytest.mark.parametrize("turned", [False, True])
def test_a_module_in_two_places_is_compared_with_two_modules(turned):
    layer = nn.Linear(4, 4)
    pair = [Twice(layer, layer), Twice(layer, copy.deepcopy(layer))]
    rules = {"layers.{i}.{weight|bias}": "layers.{i}.{weight|bias}"}
    source, target = reversed(pair) if turned else pair
    result = compare_modules(source, target, inputs=X, rules=rules)
    assert (result.verdict, result.coverage.modules_compared) == ("match", 2)


def test_a_module_that_is_called_often_is_compared_call_by_call():
    source, target = Often(3), Often(3)
    target.load_state_dict(source.state_dict())
    assert compare_modules(source, target, inputs=X).verdict == "match"


def test_a_module_that_is_called_less_often_is_named_with_both_numbers():
    source, target = Often(3), Often(2)
    target.load_state_dict(source.state_dict())
    (finding,) = compare_modules(source, target, inputs=X).findings
    assert finding.summary == "the target calls `layer` 2 times, the source calls `layer` 3 times"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_models_in_other_dtypes_are_compared_in_float64(dtype):
    source = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)).to(dtype)
    target = copy.deepcopy(source)
    assert compare_modules(source, target, inputs=X.to(dtype)).verdict == "match"
    target[1].eps = 1e-4
    result = compare_modules(source, target, inputs=X.to(dtype))
    assert result.findings[0].fix == "set `1.eps` to 1e-05"


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (5, "raises TypeError"),
        (X * float("nan"), "are no numbers"),
        (lambda _: 3, "returns no tensor"),
    ],
)
def test_inputs_that_say_nothing_are_bad_input(inputs, said):
    model = nn.Sequential(nn.Linear(4, 4))
    with pytest.raises(BadInput, match=said):
        compare_modules(model, copy.deepcopy(model), inputs=inputs)


@pytest.mark.parametrize("model", [5, nn.ReLU()])
def test_what_is_no_model_with_tensors_is_bad_input(model):
    with pytest.raises(BadInput, match="must"):
        compare_modules(nn.Linear(4, 4), model, inputs=X)


@pytest.mark.parametrize("inputs", [X, (X,), {"input": X}, lambda model: model(X)])
def test_a_model_is_called_in_any_of_four_ways(inputs):
    model = nn.Sequential(nn.Linear(4, 4))
    assert compare_modules(model, copy.deepcopy(model), inputs=inputs).verdict == "match"
