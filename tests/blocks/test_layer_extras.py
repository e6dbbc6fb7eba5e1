"""What fairseq's layers can have and no class computes is refused by the argument that made it."""

from __future__ import annotations

import pytest

from toolkit.blocks.evidence import Facts
from toolkit.blocks.layer_extras import SCALES, refused_extras
from toolkit.core.spec import TensorSpec

PLAIN = ("layers.0.fc1.weight", "layers.1.fc1.weight")


def reasons(*further: str, side: str = "decoder", **model: object) -> list[str]:
    """The names of what is refused of a stack of two layers."""
    names = (*PLAIN, *further)
    tensors = {name: TensorSpec(name=name, shape=(2,), dtype="float32") for name in names}
    return [reason.name for reason in refused_extras(Facts(tensors), model, side)]


def test_plain_layers_are_not_refused() -> None:
    assert reasons() == []
    assert reasons(decoder_layers_to_keep=None, cross_self_attention=False) == []


@pytest.mark.parametrize("tensor", SCALES)
def test_a_scale_of_a_layer_is_refused_by_its_argument(tensor: str) -> None:
    assert reasons(f"layers.0.{tensor}") == [f"args.{SCALES[tensor][0]}"]


def test_noise_that_stays_a_layer_is_refused() -> None:
    assert reasons("quant_noise.weight") == ["quant_noise.weight"]


def test_attention_to_both_at_once_is_refused_of_a_decoder_alone() -> None:
    assert reasons(cross_self_attention=True) == ["args.cross_self_attention"]
    assert reasons(cross_self_attention=True, side="encoder") == []


@pytest.mark.parametrize("kept", ["0", "1", "0,2", "0,1,2"])
def test_layers_that_fairseq_drops_when_it_loads_are_refused(kept: str) -> None:
    assert reasons(decoder_layers_to_keep=kept) == ["args.decoder_layers_to_keep"]
    assert reasons(encoder_layers_to_keep=kept) == []


def test_an_argument_that_keeps_every_layer_says_nothing() -> None:
    assert reasons(decoder_layers_to_keep="1, 0") == []


def test_numbers_with_holes_are_refused() -> None:
    assert reasons("layers.3.fc1.weight") == ["layers"]
