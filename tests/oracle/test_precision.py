import pytest
import torch
from fairseq.modules import Fp32GroupNorm, Fp32LayerNorm
from torch import nn

from toolkit.oracle import precision
from toolkit.oracle.precision import Float64Mode

LAYER_NORM, GROUP_NORM = Fp32LayerNorm(3), Fp32GroupNorm(1, 3)
THIRD = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64) / 3


def fairseq_gelu(values):
    from fairseq.modules import gelu

    return gelu(values)


def fairseq_softmax(values):
    from fairseq import utils

    return utils.softmax(values, dim=-1)


def fairseq_layer_norm(values):
    return LAYER_NORM(values)


def fairseq_group_norm(values):
    return GROUP_NORM(values.view(1, 3, 1)).flatten()


def exact_layer_norm(values):
    return nn.functional.layer_norm(values, (3,))


CASES = {
    "float": (lambda x: x.float(), lambda x: x),
    "to": (lambda x: x.to(torch.float32), lambda x: x),
    "to by keyword": (lambda x: x.to(dtype=torch.float32), lambda x: x),
    "type": (lambda x: x.type(torch.float32), lambda x: x),
    "softmax": (
        lambda x: torch.softmax(x, dim=-1, dtype=torch.float32),
        lambda x: torch.softmax(x, dim=-1),
    ),
    "functional softmax": (
        lambda x: nn.functional.softmax(x, dim=-1, dtype=torch.float32),
        lambda x: torch.softmax(x, dim=-1),
    ),
    "fairseq gelu": (fairseq_gelu, nn.functional.gelu),
    "fairseq softmax": (fairseq_softmax, lambda x: torch.softmax(x, dim=-1)),
    "fairseq Fp32LayerNorm": (fairseq_layer_norm, exact_layer_norm),
    "fairseq Fp32GroupNorm": (fairseq_group_norm, exact_layer_norm),
}


@pytest.mark.parametrize("name", CASES)
def test_a_request_for_float32_stays_in_float64(name):
    rounding, exact = CASES[name]
    with Float64Mode():
        actual = rounding(THIRD)
    assert actual.dtype is torch.float64
    assert (actual - exact(THIRD)).abs().max() < 1e-15


@pytest.mark.parametrize("name", CASES)
def test_without_the_mode_the_same_request_rounds(name):
    rounding, exact = CASES[name]
    assert (rounding(THIRD).double() - exact(THIRD)).abs().max() > 1e-10


def test_other_dtypes_are_left_alone():
    with Float64Mode():
        assert THIRD.half().dtype is torch.float16
        assert THIRD.to(torch.long).dtype is torch.long
        assert torch.zeros(1, dtype=torch.bool).dtype is torch.bool


def test_dtypes_of_a_models_own_are_promoted_where_they_are_named():
    with Float64Mode({torch.bfloat16}):
        assert (THIRD.bfloat16() * 1).dtype is torch.float64
        assert torch.zeros(1, dtype=torch.bfloat16).dtype is torch.float64
        assert THIRD.half().dtype is torch.float16


def test_float32_weights_take_part_in_float64_and_stay_what_they_are():
    linear = nn.Linear(3, 2)
    before = linear.weight.detach().clone()
    with torch.no_grad(), Float64Mode():
        actual = linear(THIRD)
    with torch.no_grad():
        assert actual.equal(linear.double()(THIRD))
    assert linear.float().weight.equal(before)


@pytest.mark.parametrize("bias", [True, False])
def test_a_large_weight_is_promoted_in_parts(bias, monkeypatch):
    linear = nn.Linear(3, 50, bias=bias)
    with torch.no_grad(), Float64Mode():
        whole = linear(THIRD)
        monkeypatch.setattr(precision, "AT_ONCE", 20)
        parts = linear(THIRD)
    assert (parts - whole).abs().max() < 1e-15


def test_an_embedding_looks_up_before_it_promotes():
    embedding = nn.Embedding(5, 3)
    with torch.no_grad(), Float64Mode():
        found = embedding(torch.tensor([4, 1]))
    assert found.equal(embedding.weight.detach()[[4, 1]].double())


def test_float32_means_float32_again_after_an_error():
    with pytest.raises(ValueError, match="on purpose"), Float64Mode():
        raise ValueError("on purpose")
    assert THIRD.float().dtype is torch.float32


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 20])
@pytest.mark.parametrize("bias", [True, False])
def test_a_linear_map_in_parts_is_the_one_in_float64(monkeypatch, rows, bias):
    monkeypatch.setattr(precision, "AT_ONCE", 8 * 3)
    layer = nn.Linear(3, rows, bias=bias)
    inputs = torch.randn(2, 5, 3, dtype=torch.float64)
    with torch.no_grad(), Float64Mode():
        first, second = layer(inputs), layer(inputs * 2)
    exact = layer.double()
    assert first.allclose(exact(inputs), rtol=1e-14)
    assert second.allclose(exact(inputs * 2), rtol=1e-14)
    assert {tensor.dtype for tensor in (first, second)} == {torch.float64}


@pytest.mark.parametrize("said", ["in order", "by name"])
def test_a_number_fills_a_tensor_that_is_wide_enough_for_it(said):
    least = torch.finfo(torch.float64).min
    with Float64Mode():
        full = torch.full((), least) if said == "in order" else torch.full((2,), fill_value=least)
        assert full.dtype is torch.float64
        assert torch.full((2,), 3).dtype is torch.int64
        assert torch.full((2,), 1.0, dtype=torch.float32).dtype is torch.float64
    assert full.min().item() == least
    with pytest.raises(RuntimeError, match="overflow"):
        torch.full((), least)


@pytest.mark.parametrize("shape", [(), (7,), (2, 7), (2, 3, 7)])
@pytest.mark.parametrize("bias", [True, False])
def test_parts_of_a_weight_give_bit_for_bit_what_the_whole_gives(shape, bias):
    layer = nn.Linear(96, 2 * precision.PART_ROWS + 48, bias=bias)
    inputs = torch.randn(*shape, 96, dtype=torch.float64)
    with torch.no_grad():
        with Float64Mode():
            parts = layer(inputs)
        assert parts.shape == (*shape, layer.out_features)
        assert (parts - layer.double()(inputs)).abs().max() < 1e-14
        assert inputs.dim() < 2 or parts.equal(layer(inputs))


def test_a_model_that_asks_for_gradients_has_those_of_the_whole_weight():
    layer, inputs = nn.Linear(3, 2), torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    with Float64Mode():
        (found,) = torch.autograd.grad(layer(inputs).sum(), inputs)
    assert found.equal(layer.weight.detach().double().sum(dim=0).expand(5, 3))


def test_a_weight_may_be_a_vector():
    weight = torch.randn(3)
    with torch.no_grad(), Float64Mode():
        found = nn.functional.linear(THIRD, weight)
    assert found.equal(nn.functional.linear(THIRD, weight.double()))
