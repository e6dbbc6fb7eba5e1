"""Models that no family has are refused by name, in one sentence, by every command."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from toolkit import convert, diff, inspect, verify
from toolkit.core.errors import BadInput
from toolkit.families.elsewhere import STRANGERS, describe_elsewhere, maybe_stranger
from toolkit.oracle.quiet import quiet_fairseq

CONVOLUTIONS = {
    "conv_feature_layers": "[(8, 10, 5), (8, 8, 4)]",
    "conv_aggregator_layers": "[(8, 2, 1), (8, 3, 1)]",
    "infonce": True,
    "vq_vars": 4,
}
RESOLUTIONS = {
    "label_rate": 50.0,
    "label_rate_ratios": [1, 2],
    "encoder_layers": 1,
    "encoder_embed_dim": 16,
    "encoder_ffn_embed_dim": 32,
    "encoder_attention_heads": 2,
    "conv_feature_layers": "[(8, 10, 5), (8, 8, 4)]",
    "final_dim": 8,
    "conv_pos": 8,
    "conv_pos_groups": 2,
}


def of_convolutions(kind: str) -> tuple[Any, dict[str, Any]]:
    from fairseq.models.wav2vec.wav2vec import Wav2VecConfig, Wav2VecModel
    from omegaconf import OmegaConf

    cfg = OmegaConf.merge(OmegaConf.structured(Wav2VecConfig), {**CONVOLUTIONS, "vq_type": kind})
    return Wav2VecModel.build_model(cfg, None), {
        "_name": "wav2vec",
        **CONVOLUTIONS,
        "vq_type": kind,
    }


def of_resolutions() -> tuple[Any, dict[str, Any]]:
    from fairseq.models.multires_hubert.multires_hubert import (
        MultiresHubertConfig,
        MultiresHubertModel,
    )
    from omegaconf import OmegaConf

    cfg = OmegaConf.merge(OmegaConf.structured(MultiresHubertConfig), RESOLUTIONS)
    task = Namespace(
        cfg=Namespace(sample_rate=16_000, label_rate=50.0), dictionaries=[range(5), range(5)]
    )
    model = MultiresHubertModel.build_model(cfg, task)
    return model, {"_name": "multires_hubert", **RESOLUTIONS}


SPEAKING = "ContentVec with the layers that it was trained with"
BUILT: dict[str, Callable[[], tuple[Any, dict[str, Any]]]] = {
    "wav2vec 1.0": lambda: of_convolutions("none"),
    "vq-wav2vec": lambda: of_convolutions("gumbel"),
    "vq-wav2vec, kmeans": lambda: of_convolutions("kmeans"),
    "multi-resolution HuBERT": of_resolutions,
}
"""What fairseq builds here."""


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes a model that fairseq has built, with its arguments or without."""

    def make(name: str, *, named: bool = True) -> Path:
        path = tmp_path_factory.mktemp("stranger") / "model.pt"
        with quiet_fairseq():
            model, arguments = BUILT[name]()
        cfg = {"model": arguments} if named else None
        torch.save({"args": None, "cfg": cfg, "model": model.state_dict()}, path)
        return path

    return make


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("name", BUILT)
def test_what_fairseq_builds_is_known_with_its_arguments_and_without(
    name: str, named: bool, write: Callable[..., Path], tmp_path: Path
) -> None:
    path = write(name, named=named)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "wav2vec2"}', encoding="utf-8")
    save_file({"a": torch.ones(1)}, folder / "model.safetensors")
    said = f"is {name.partition(',')[0]}: .*no class|is {name}: .*every class"
    for ask in (
        inspect,
        lambda path: convert(path, tmp_path / "hf"),
        lambda path: verify(path, folder),
        lambda path: diff(path, folder),
    ):
        with pytest.raises(BadInput, match=said) as refused:
            ask(path)
        assert "convert a" in str(refused.value)
    assert not (tmp_path / "hf").exists()


@pytest.mark.parametrize(
    ("architecture", "name", "what"),
    [
        ("data2vec_multi", "modality_encoders.AUDIO.decoder.proj.weight", "data2vec 2.0"),
        ("wav2vec_ctc", "w2v_encoder.w2v_model.modality_encoders.AUDIO.x", "data2vec 2.0"),
        ("av_hubert", "feature_extractor_audio.proj.weight", "AV-HuBERT"),
        ("av_hubert_seq2seq", "encoder.w2v_model.feature_extractor_video.x", "AV-HuBERT"),
        ("unknown", "modality_encoders.AUDIO.alibi_scale", "data2vec 2.0"),
        ("multires_hubert_ctc", "w2v_encoder.proj.weight", "multi-resolution HuBERT"),
        ("hubert_seq2seq", "encoder.w2v_model.mask_emb", "HuBERT with a decoder"),
        ("contentvec", "encoder.cond_layer_norm.bias_ln.weight", SPEAKING),
    ],
)
def test_what_fairseq_cannot_build_here_is_known_by_its_name_or_a_tensor(
    architecture: str, name: str, what: str
) -> None:
    known = maybe_stranger(architecture, [name])
    assert known is not None
    assert known.what == what


@pytest.mark.parametrize(
    ("architecture", "name"),
    [
        ("wav2vec2", "encoder.layers.0.fc1.weight"),
        ("wav2vec_ctc", "w2v_encoder.proj.weight"),
        ("hubert", "final_proj.weight"),
        ("data2vec_audio", "encoder.pos_conv.0.0.weight"),
        ("unknown", "decoder.middle.weight"),
    ],
)
def test_what_converts_is_no_stranger(architecture: str, name: str) -> None:
    assert maybe_stranger(architecture, [name]) is None
    assert describe_elsewhere(architecture) is None


def test_every_refusal_says_what_to_do_instead() -> None:
    for known in STRANGERS:
        assert known.tensors or known.architectures
        assert known.instead.startswith(("Write its ", "Convert "))


@pytest.mark.parametrize("architecture", ["s2t_transformer_s", "mbart_large", "roberta_base"])
def test_what_another_program_converts_is_sent_there(architecture: str) -> None:
    assert "transformers 4 has a script for it" in str(describe_elsewhere(architecture))
