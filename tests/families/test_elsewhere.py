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
from toolkit.families.elsewhere import STRANGERS, Stranger, describe_elsewhere, maybe_stranger
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

SPECTROGRAMS = {
    **dict.fromkeys(("encoder_layers", "decoder_layers", "encoder_conv_layers"), 1),
    **dict.fromkeys(("encoder_transformer_layers", "decoder_transformer_layers"), 1),
    **dict.fromkeys(("prenet_layers", "postnet_layers", "input_channels", "n_frames_per_step"), 1),
    **dict.fromkeys(("encoder_embed_dim", "decoder_embed_dim", "speaker_embed_dim"), 16),
    **dict.fromkeys(("encoder_ffn_embed_dim", "decoder_ffn_embed_dim", "fft_hidden_dim"), 16),
    **dict.fromkeys(
        ("prenet_dim", "postnet_conv_dim", "var_pred_hidden_dim", "var_pred_n_bins"), 8
    ),
    **dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), 2),
    **dict.fromkeys(("encoder_conv_kernel_size", "postnet_conv_kernel_size", "fft_kernel_size"), 3),
    **dict.fromkeys(("output_frame_dim", "input_feat_per_channel"), 80),
    **dict.fromkeys(("max_source_positions", "max_target_positions"), 100),
    **dict.fromkeys(("pitch_min", "energy_min", "ctc_weight"), 0.0),
    **dict.fromkeys(("pitch_max", "energy_max"), 1.0),
    "target_speaker_embed": False,
    "speaker_to_id": None,
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


def of_spectrograms(architecture: str) -> tuple[Any, dict[str, Any]]:
    import fairseq.models.speech_to_speech
    import fairseq.models.text_to_speech  # noqa: F401
    from fairseq.data import Dictionary
    from fairseq.models import ARCH_CONFIG_REGISTRY, ARCH_MODEL_REGISTRY

    arguments = Namespace(arch=architecture, **SPECTROGRAMS)
    ARCH_CONFIG_REGISTRY[architecture](arguments)
    task = Namespace(
        src_dict=Dictionary(),
        data_cfg=Namespace(hub={}),
        args=Namespace(target_is_code=False),
        multitask_tasks={},
        get_speaker_embeddings=lambda _: None,
    )
    model = ARCH_MODEL_REGISTRY[architecture].build_model(arguments, task)
    return model, {"_name": architecture, **SPECTROGRAMS}


IN_TWO_DIMENSIONS = "a model whose convolutions shorten filter banks in two dimensions"
SPEAKING = "ContentVec with the layers that it was trained with"
BUILT: dict[str, Callable[[], tuple[Any, dict[str, Any]]]] = {
    "wav2vec 1.0": lambda: of_convolutions("none"),
    "vq-wav2vec": lambda: of_convolutions("gumbel"),
    "vq-wav2vec, kmeans": lambda: of_convolutions("kmeans"),
    "multi-resolution HuBERT": of_resolutions,
    "a model that reads texts out": lambda: of_spectrograms("tts_transformer"),
    "a model that reads texts out, fastspeech2": lambda: of_spectrograms("fastspeech2"),
    "a model that reads texts out, tacotron_2": lambda: of_spectrograms("tacotron_2"),
    "a model that translates speech into spectrograms": lambda: of_spectrograms(
        "s2spect_transformer"
    ),
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


def known_as(what: str) -> Stranger:
    """The stranger that is called so."""
    (known,) = (stranger for stranger in STRANGERS if stranger.what == what)
    return known


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
        assert known_as(name.partition(",")[0]).instead in str(refused.value)
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
        ("s2ut_conformer", "x", "a conformer that translates speech into units"),
        ("convtransformer_espnet", "x", IN_TWO_DIMENSIONS),
        ("s2t_transformer_s", "encoder.subsample.conv.0.weight", IN_TWO_DIMENSIONS),
        ("unity_conformer", "encoder.conformer_layers.0.ffn1.w_1.bias", "UnitY"),
        ("multitask_unity_xm", "encoder.subsample.x", "UnitY"),
        ("xm_transformer_t2", "decoder.version", "UnitY"),
        ("unknown", "synthesizer_encoder.layers.0.fc1.weight", "UnitY"),
        ("dualinputs2ttransformer_m", "decoder.version", "a model of two inputs"),
        ("dual_input_xm_transformer", "decoder.version", "a model of two inputs"),
        ("unknown", "encoder.spch_encoder.w2v_encoder.proj.weight", "a model of two inputs"),
        ("s2spect2_conformer", "x", "a model that translates speech into spectrograms"),
        ("transformer", "encoder.layers.3.moe_layer.gate.wg.weight", "a mixture of experts"),
        ("contentvec", "encoder.cond_layer_norm.bias_ln.weight", SPEAKING),
    ],
)
def test_what_fairseq_cannot_build_here_is_known_by_its_name_or_a_tensor(
    architecture: str, name: str, what: str
) -> None:
    known = maybe_stranger(architecture, [name])
    assert known is not None
    assert known.what == what


def test_a_unity_is_no_xm_transformer_though_it_has_all_tensors_of_one(
    golden_checkpoint: Path, tmp_path: Path
) -> None:
    saved = torch.load(golden_checkpoint, weights_only=False)
    saved["cfg"]["model"].arch = saved["cfg"]["model"]._name = "unity_xm_transformer"
    torch.save(saved, tmp_path / "model.pt")
    with pytest.raises(BadInput, match="but is UnitY: .* no class .* searches twice"):
        inspect(tmp_path / "model.pt")


@pytest.mark.parametrize(
    ("architecture", "name"),
    [
        ("s2t_transformer_s", "encoder.subsample.conv_layers.0.weight"),
        ("s2ut_transformer_fisher", "decoder.out_proj_n_frames.weight"),
        ("s2t_conformer", "encoder.conformer_layers.0.ffn1.w_1.bias"),
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


@pytest.mark.parametrize("architecture", ["transformer_lm", "mbart_large", "roberta_base"])
def test_what_another_program_converts_is_sent_there(architecture: str) -> None:
    assert "transformers 4 has a script for it" in str(describe_elsewhere(architecture))


def test_fsmt_sees_later_tokens_unless_it_is_called_without_a_cache() -> None:
    from transformers import FSMTConfig, FSMTForConditionalGeneration

    torch.manual_seed(1)
    sizes = dict.fromkeys(("encoder_ffn_dim", "decoder_ffn_dim", "d_model"), 16)
    counts = dict.fromkeys(("encoder_layers", "decoder_layers"), 1)
    heads = dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), 2)
    words = dict.fromkeys(("src_vocab_size", "tgt_vocab_size"), 32)
    config = FSMTConfig(langs=["en", "de"], **sizes, **counts, **heads, **words)
    model = FSMTForConditionalGeneration(config).eval()
    source = torch.tensor([[5, 6, 2]])

    def first(last: int, **options: bool) -> torch.Tensor:
        """The logits of the first two of three tokens."""
        given = torch.tensor([[2, 7, last]])
        logits: torch.Tensor = model(source, decoder_input_ids=given, **options).logits
        return logits[:, :2]

    with torch.no_grad():
        assert first(8, use_cache=False).equal(first(9, use_cache=False))
        assert not first(8).equal(first(9))
    said = str(describe_elsewhere("transformer_wmt_en_de_big"))
    assert "`use_cache=False`" in said
