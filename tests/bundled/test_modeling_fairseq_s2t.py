"""Carried models of filter banks are transformers' own in all but what fairseq does otherwise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from toolkit import convert
from toolkit.bundled import PARTS, S2T, STACK
from toolkit.bundled.modeling_fairseq_s2t import (
    ConformerEncoder,
    EncoderConfig,
    RelativePositions,
    TransformerEncoder,
)
from toolkit.folder.foreign_code import carries_own_code_only
from toolkit.pipeline.golden import golden_of

SMALL = {
    **{"d_model": 16, "encoder_layers": 2, "encoder_ffn_dim": 32, "encoder_attention_heads": 4},
    **{"conv_channels": 24, "conv_depthwise_kernel_size": 5, "max_source_positions": 100},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that carries the classes; read it, never write to it."""
    place = tmp_path_factory.mktemp("s2t") / "hf"
    convert(golden_of("s2t_conformer"), place, verify=False)
    return place


def load(folder: Path, **options: object) -> Any:
    return transformers.AutoModelForSpeechSeq2Seq.from_pretrained(
        folder, trust_remote_code=True, **options
    )


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Filter banks of two clips, and where they are."""
    torch.manual_seed(1)
    banks, mask = torch.randn(2, 60, 80), torch.ones(2, 60).long()
    banks[1, 41:], mask[1, 41:] = 0.0, 0
    return banks, mask


def test_users_load_the_class_that_the_folder_carries(folder: Path) -> None:
    with pytest.raises(ValueError, match="trust_remote_code"):
        transformers.AutoModelForSpeechSeq2Seq.from_pretrained(folder, trust_remote_code=False)
    model, told = load(folder, output_loading_info=True)
    assert isinstance(model, transformers.SpeechEncoderDecoderModel)
    assert type(model).__module__.startswith("transformers_modules.")
    assert not told["missing_keys"]
    assert not told["unexpected_keys"]
    assert carries_own_code_only(folder)
    assert all((folder / file.name).is_file() for file in (S2T, PARTS, STACK))


def test_saving_and_loading_again_changes_nothing(folder: Path, tmp_path: Path) -> None:
    model = load(folder)
    model.save_pretrained(tmp_path)
    assert (tmp_path / S2T.name).read_bytes() == S2T.read_bytes()
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "fairseq_s2t"
    banks, mask = batch()
    given = {"attention_mask": mask, "decoder_input_ids": torch.tensor([[2, 5], [2, 6]])}
    with torch.no_grad():
        outputs = [one(input_features=banks, **given).logits for one in (model, load(tmp_path))]
    assert outputs[0].equal(outputs[1])


def test_with_norms_before_it_is_the_stock_encoder() -> None:
    carried = TransformerEncoder(EncoderConfig(**SMALL)).eval()
    stock = transformers.Speech2TextModel(transformers.Speech2TextConfig(**SMALL)).encoder.eval()
    stock.load_state_dict(carried.state_dict())
    carried.set_attn_implementation("eager")
    banks, mask = batch()
    outputs = [one(banks, attention_mask=mask).last_hidden_state for one in (carried, stock)]
    assert outputs[0].equal(outputs[1])


@pytest.mark.parametrize("positions", ["sinusoidal", "relative", "rotary", None])
def test_attention_has_one_result_however_it_is_computed(positions: str | None) -> None:
    config = EncoderConfig(**SMALL, layer_type="conformer", position_embeddings_type=positions)
    model = ConformerEncoder(config).eval()
    banks, mask = batch()
    found = []
    for kind in ("eager", "sdpa"):
        model.set_attn_implementation(kind)
        found.append(model(banks, attention_mask=mask).last_hidden_state)
    assert torch.allclose(*found, atol=1e-5)


def test_a_clip_is_heard_alone_as_without_a_mask() -> None:
    model = ConformerEncoder(EncoderConfig(**SMALL, layer_type="conformer")).eval()
    banks, _ = batch()
    whole = torch.ones(banks.shape[:2]).long()
    outputs = [model(banks, mask).last_hidden_state for mask in (None, whole)]
    assert torch.allclose(*outputs, atol=1e-6)


def test_relative_positions_are_fairseqs_and_grow() -> None:
    from fairseq.modules import RelPositionalEncoding

    ours, theirs = RelativePositions(4, 6), RelPositionalEncoding(4, 6)
    for frames in (3, 4, 9, 2):
        states = torch.zeros(1, frames, 6)
        expected = theirs(states.transpose(0, 1)).transpose(0, 1)
        assert ours(states).equal(expected)
