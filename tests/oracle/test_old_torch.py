"""The stand-ins for what old versions of torch lack, held against what they stand in for."""

from __future__ import annotations

import sys

import pytest
import torch

from tests.variants.arguments import conformer
from toolkit.oracle import hooks, old_torch
from toolkit.oracle.hooks import recording
from toolkit.oracle.old_torch import to_bytes, view_as
from toolkit.oracle.refusal import Refusal

PREFIX = [2, 183, 5, 6, 7]
DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.int64, torch.int8, torch.bool]


@pytest.fixture
def source():
    return torch.randn(9000, generator=torch.Generator().manual_seed(5))


@pytest.fixture
def without_modes(monkeypatch):
    monkeypatch.setattr(old_torch, "HAS_MODES", False)


def force(reference, source, **choices):
    return reference.forward([source], [PREFIX], **choices)


def worst(expected, actual):
    """Largest relative error over all outputs of all calls, which must be the same calls."""
    assert list(expected.calls) == list(actual.calls)
    errors = []
    for path, made in expected.calls.items():
        for one, other in zip(made, actual.calls[path], strict=True):
            assert list(one.inputs) == list(other.inputs)
            for key, tensor in one.outputs.items():
                found = other.outputs[key]
                assert (found.dtype, type(found)) == (tensor.dtype, torch.Tensor)
                scale = tensor.double().abs().nan_to_num(posinf=0.0).max()
                difference = (tensor.double() - found.double()).nan_to_num(nan=0.0).abs().max()
                errors.append(float(difference / scale) if scale else float(difference))
    return max(errors)


def test_float64_without_modes_is_what_the_mode_computes(reference, source, monkeypatch):
    expected = force(reference, source, explicit=True, double=True)
    monkeypatch.setattr(old_torch, "HAS_MODES", False)
    actual = force(reference, source, explicit=True, double=True)
    assert actual.logits.dtype is torch.float64
    assert worst(expected, actual) <= 1e-14


@pytest.mark.usefixtures("without_modes")
def test_nothing_of_a_float64_pass_without_modes_stays_behind(reference, source):
    before = force(reference, source)
    parameters = dict(reference.model.named_parameters())
    force(reference, source, explicit=True, double=True)
    after = force(reference, source)
    assert torch.get_default_dtype() is torch.float32
    assert after.logits.dtype is torch.float32
    assert after.logits.equal(before.logits)
    assert all(p is parameters[name] for name, p in reference.model.named_parameters())
    kept = [v for m in reference.model.modules() for v in vars(m).values()]
    assert all(type(v) is torch.Tensor for v in kept if isinstance(v, torch.Tensor))


@pytest.mark.usefixtures("without_modes")
def test_an_error_in_a_pass_without_modes_leaves_nothing_behind(reference, source):
    parameters = dict(reference.model.named_parameters())
    with pytest.raises(Refusal, match="IndexError|RuntimeError"):
        reference.forward([source], [[10**6]], double=True)
    assert torch.get_default_dtype() is torch.float32
    assert all(p is parameters[name] for name, p in reference.model.named_parameters())


def test_float32_rounding_would_show(reference, source):
    exact = force(reference, source, explicit=True, double=True)
    rounded = force(reference, source, explicit=True)
    assert float((exact.logits - rounded.logits.double()).abs().max()) > 1e-9


def test_calls_without_keyword_hooks_are_those_with_them(reference, source, monkeypatch):
    expected = force(reference, source, explicit=True)
    monkeypatch.setattr(hooks, "HAS_KEYWORD_HOOKS", False)
    actual = force(reference, source, explicit=True)
    assert worst(expected, actual) == 0.0


def test_forward_is_uncovered_whatever_happens(monkeypatch):
    monkeypatch.setattr(hooks, "HAS_KEYWORD_HOOKS", False)
    model = torch.nn.Sequential(torch.nn.Linear(2, 2))

    def record_and_fail():
        with recording(model):
            model(torch.randn(3, 5))

    with pytest.raises(RuntimeError):
        record_and_fail()
    assert all("forward" not in vars(module) for module in model.modules())


def test_who_calls_forward_past_the_hooks_is_not_recorded(monkeypatch):
    monkeypatch.setattr(hooks, "HAS_KEYWORD_HOOKS", False)
    model = torch.nn.Linear(2, 2)
    with recording(model) as calls:
        model.forward(torch.randn(3, 2))
    assert calls == {}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_bytes_are_seen_as_what_they_are_bytes_of(dtype):
    tensor = torch.tensor([[0.0, 1.0], [2.5, -3.0]]).to(dtype)
    raw = torch.from_numpy(to_bytes(tensor).copy())
    assert view_as(raw, dtype).view(2, 2).equal(tensor)


@pytest.mark.skipif(sys.byteorder != "little", reason="files are little-endian")
def test_bytes_of_a_strided_tensor_are_in_row_major_order():
    tensor = torch.arange(6, dtype=torch.int16).view(2, 3).T
    assert to_bytes(tensor).tobytes() == tensor.contiguous().numpy().tobytes()


@pytest.mark.parametrize(("positions", "attention"), [("rel_pos", "espnet"), ("rope", "espnet")])
def test_tables_of_positions_too_are_computed_in_float64_without_modes(
    build, make_state, plain, source, monkeypatch, positions, attention
):
    settings = {**plain, "w2v_args": {**plain["w2v_args"], **conformer(positions, attention)}}
    reference = build(settings, make_state(settings))
    expected = force(reference, source, explicit=True, double=True)
    monkeypatch.setattr(old_torch, "HAS_MODES", False)
    actual = force(reference, source, explicit=True, double=True)
    assert worst(expected, actual) <= 1e-14
