"""Carried conformers are transformers' own in all but what fairseq does otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import transformers

from tests.variants.pretraining_building import build_pretraining
from tests.variants.pretraining_kinds import PRETRAINING_VARIANTS
from toolkit import convert
from toolkit.bundled import CONFORMER, STACK, modeling_fairseq_conformer
from toolkit.bundled.modeling_fairseq_conformer import (
    FairseqConformerConfig,
    Wav2Vec2ConformerModel,
)
from toolkit.folder.foreign_code import carries_own_code_only

VARIANT = next(v for v in PRETRAINING_VARIANTS if v.name == "conformer, convolved positions")
SMALL = {
    **{"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2},
    **{"intermediate_size": 64, "conv_dim": [16, 16], "conv_kernel": [10, 3]},
    **{"conv_stride": [5, 2], "num_conv_pos_embeddings": 16},
    **{"num_conv_pos_embedding_groups": 4, "conv_depthwise_kernel_size": 5},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that carries the classes; read it, never write to it."""
    place = tmp_path_factory.mktemp("conformer")
    convert(build_pretraining(VARIANT, place), place / "hf", verify=False)
    return place / "hf"


def small(**config: object) -> Wav2Vec2ConformerModel:
    torch.manual_seed(1)
    return Wav2Vec2ConformerModel(FairseqConformerConfig(**SMALL, **config)).eval()


def test_users_load_the_classes_that_the_folder_carries_with_heads_and_without(
    folder: Path,
) -> None:
    with pytest.raises(ValueError, match="trust_remote_code"):
        transformers.AutoModelForPreTraining.from_pretrained(folder, trust_remote_code=False)
    load = {"trust_remote_code": True, "output_loading_info": True}
    whole, told = transformers.AutoModelForPreTraining.from_pretrained(folder, **load)
    bare, left = transformers.AutoModel.from_pretrained(folder, **load)
    assert isinstance(whole, transformers.Wav2Vec2ConformerForPreTraining)
    assert isinstance(bare, transformers.Wav2Vec2ConformerModel)
    assert not told["missing_keys"]
    assert not left["missing_keys"]
    assert type(bare).__module__.startswith("transformers_modules.")
    assert carries_own_code_only(folder)
    assert (folder / STACK.name).is_file()


def test_saving_and_loading_again_changes_nothing(folder: Path, tmp_path: Path) -> None:
    model = transformers.AutoModel.from_pretrained(folder, trust_remote_code=True)
    model.save_pretrained(tmp_path)
    assert (tmp_path / CONFORMER.name).read_bytes() == CONFORMER.read_bytes()
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "fairseq_conformer"
    again = transformers.AutoModel.from_pretrained(tmp_path, trust_remote_code=True)
    sound = torch.randn(1, 4_321)
    assert again(sound).last_hidden_state.equal(model(sound).last_hidden_state)


@pytest.mark.parametrize("positions", ["relative", "rotary"])
def test_with_the_norm_behind_the_layers_and_no_convolution_it_is_the_stock_class(
    positions: str,
) -> None:
    carried = small(position_embeddings_type=positions)
    stock = transformers.Wav2Vec2ConformerModel(carried.config).eval()
    stock.load_state_dict(carried.state_dict())
    sound = torch.randn(2, 1_000)
    mask = torch.ones(2, 1_000).long()
    mask[1, 700:] = 0
    found, expected = (m(sound, attention_mask=mask).last_hidden_state for m in (carried, stock))
    assert torch.allclose(found, expected, atol=1e-6)


def test_a_norm_before_the_layers_is_another_function_of_the_same_weights() -> None:
    before, behind = (
        small(position_embeddings_type="relative", do_stable_layer_norm=stable)
        for stable in (False, True)
    )
    behind.load_state_dict(before.state_dict())
    sound = torch.randn(1, 1_000)
    assert not torch.allclose(before(sound)[0], behind(sound)[0], atol=0.1)


@pytest.mark.parametrize("samples", [1_000, 1_010])
def test_what_layers_give_has_the_frames_of_the_clip_be_they_odd_or_even(samples: int) -> None:
    model = small(position_embeddings_type="convolution", attn_implementation="eager")
    asked = {"output_hidden_states": True, "output_attentions": True}
    output = model(torch.randn(1, samples), **asked)
    frames = output.last_hidden_state.shape[1]
    assert {layer.shape[1] for layer in output.hidden_states} == {frames}
    assert {seen.shape[-2:] for seen in output.attentions} == {(frames, frames)}
    assert all(torch.allclose(s.sum(-1), torch.ones(()), atol=1e-6) for s in output.attentions)


def test_outputs_come_as_a_tuple_where_that_is_asked_for() -> None:
    model = small(position_embeddings_type="convolution")
    sound = torch.randn(1, 1_000)
    assert model(sound, return_dict=False)[0].equal(model(sound).last_hidden_state)


def test_every_carried_class_has_the_carried_encoder() -> None:
    config = FairseqConformerConfig(**SMALL, vocab_size=9, position_embeddings_type="convolution")
    for name in ("Wav2Vec2ConformerForCTC", "Wav2Vec2ConformerForPreTraining"):
        model = getattr(modeling_fairseq_conformer, name)(config)
        assert type(model.base_model) is Wav2Vec2ConformerModel
