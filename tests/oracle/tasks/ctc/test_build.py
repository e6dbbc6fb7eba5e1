"""HuBERT and data2vec with a CTC head are what fairseq's own models compute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.variants.ctc_building import BuiltCtc, build_ctc
from tests.variants.ctc_kinds import LETTERS
from tests.variants.data2vec_kinds import DATA2VEC_VARIANTS
from tests.variants.hubert_kinds import HUBERT_VARIANTS
from toolkit.blocks.arguments import own_arguments
from toolkit.checkpoint import open_checkpoint
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.oracle.tasks.ctc import CtcReference, make_arguments, read_layers
from toolkit.oracle.tasks.ctc import build_ctc as build_reference

BY_NAME = {variant.name: variant for variant in (*HUBERT_VARIANTS, *DATA2VEC_VARIANTS)}
SAMPLE = (
    "HuBERT, batch norm",
    "HuBERT, fine-tuned by its own task",
    "HuBERT, Namespace",
    "data2vec",
)
LENGTHS = (16_000, 9_873, 12_345)
ROUNDING = 2e-6

Pair = tuple[BuiltCtc, CtcReference]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Pair]:
    """The model that wrote a variant's checkpoint, and the reference read from that; made once."""
    known: dict[str, Pair] = {}

    def make(name: str) -> Pair:
        if name not in known:
            built = build_ctc(BY_NAME[name], tmp_path_factory.mktemp("ctc"))
            known[name] = built, restore(built)
        return known[name]

    return make


def restore(built: BuiltCtc) -> CtcReference:
    checkpoint = open_checkpoint(built.path)
    with quiet_fairseq():
        return build_reference(settings_of(built), LETTERS, checkpoint.state_dict())


def settings_of(built: BuiltCtc) -> dict[str, Any]:
    arguments = own_arguments(open_checkpoint(built.path))
    return {**arguments.task, **arguments.model}


def in_batch() -> tuple[list[Tensor], Tensor, Tensor]:
    """Inputs, the same padded with zeros, and true for padding."""
    generator = torch.Generator().manual_seed(5)
    sources = [torch.randn(length, generator=generator) for length in LENGTHS]
    batch = torch.nn.utils.rnn.pad_sequence(sources, batch_first=True)
    return sources, batch, torch.arange(max(LENGTHS)) >= torch.tensor(LENGTHS)[:, None]


@pytest.mark.parametrize("name", SAMPLE)
def test_logits_and_frames_of_a_padded_batch_are_fairseqs_own(
    name: str, pair: Callable[[str], Pair]
) -> None:
    built, reference = pair(name)
    sources, batch, beyond = in_batch()
    with torch.no_grad():
        expected = built.model(source=batch, padding_mask=beyond)
    outputs = reference.forward(sources).outputs
    assert (outputs["logits"] - expected["encoder_out"].transpose(0, 1)).abs().max() <= ROUNDING
    assert outputs["padding_mask"].equal(expected["padding_mask"])
    hubert = "HuBERT" in name
    assert (~outputs["padding_mask"]).sum(1).tolist() == ([49, 31, 38] if hubert else [49, 30, 38])


@pytest.mark.parametrize("name", ["HuBERT, batch norm", "HuBERT, Namespace"])
def test_layers_are_what_fairseq_gives_for_output_layer(
    name: str, pair: Callable[[str], Pair]
) -> None:
    built, reference = pair(name)
    sources, batch, beyond = in_batch()
    outputs = reference.forward(sources).outputs
    encoder: Any = built.model.w2v_encoder.w2v_model
    for k in (1, 2, 3):
        with torch.no_grad():
            layer, _ = encoder.extract_features(batch, beyond, output_layer=k)
        assert (outputs[f"layers.{k}"] - layer).abs().max() <= ROUNDING
    assert "layers.4" not in outputs


def test_hubert_masks_no_frame_when_it_is_decoded(pair: Callable[[str], Pair]) -> None:
    outputs = pair("HuBERT, batch norm")[1].forward(in_batch()[0]).outputs
    assert outputs["emissions"].equal(outputs["logits"])


def test_an_encoder_without_a_name_is_of_the_model_around_it(pair: Callable[[str], Pair]) -> None:
    built, _ = pair("HuBERT, batch norm")
    settings = settings_of(built)
    inner = settings["w2v_args"]
    nameless = {**inner, "model": {**inner["model"], "_name": None}}
    args = make_arguments({**settings, "w2v_args": nameless}, built.model.state_dict())
    assert args.w2v_args.model._name == "hubert"
    assert args.w2v_args.task._name == "hubert_pretraining"


def test_how_many_positional_convolutions_there_are_is_read_off_the_tensors(
    pair: Callable[[str], Pair],
) -> None:
    assert read_layers(pair("data2vec")[0].model.state_dict())["pos_conv_depth"] == 5
    assert "pos_conv_depth" not in read_layers(pair("HuBERT, batch norm")[0].model.state_dict())
