"""Vocoders of spectrograms: what converts exactly, what is refused, and how users hear them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from tests.breaking import scale, set_key
from tests.bundled.elsewhere import make_elsewhere
from tests.families.exactness import check_refused
from tests.families.vocoders import (
    check_bits_come_back,
    check_changes_come_back,
)
from tests.variants.mel_kinds import CONFIG, MEL_VARIANTS
from tests.variants.vocoder_building import build_mel_vocoder
from toolkit import BadInput, convert, diff, export, inspect, verify
from toolkit.audio import golden_folder
from toolkit.bundled import LOG_MEL
from toolkit.core.result import Result
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.pipeline.recording import record

BY_NAME = {variant.name: variant for variant in MEL_VARIANTS}
GOLDEN = golden_folder() / "untrained" / "hifigan" / "model.pt"
PLAIN, NORMLESS = "22050 samples a second", "weight norms taken off"
FAST = (PLAIN, "128 bands", "residual blocks of the second kind")
CLIPS = [golden_folder() / "tiny.flac", golden_folder() / "de_1.flac"]
LEVELS = ["weights", "config", "front_end", "modules", "waveform", "reload"]
CONFIG_FILE = "config.json"

Build = Callable[[str], Path]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Writes the checkpoint of a variant."""

    def make(name: str) -> Path:
        folder = tmp_path / "checkpoint"
        folder.mkdir()
        with quiet_fairseq():
            return build_mel_vocoder(BY_NAME[name], folder)

    return make


def check_exact(proof: Result) -> None:
    """Checks all levels of a proof."""
    levels = {level.name: level for level in proof.levels}
    assert proof.verdict == "match"
    assert list(levels) == LEVELS
    assert levels["weights"].measures[0].error == 0.0
    assert levels["front_end"].measures[0].error <= 1e-6
    exact, rounded = levels["waveform"].measures
    assert exact.error <= 1e-9
    assert rounded.error <= 1e-6


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in FAST else pytest.mark.wide) for n in BY_NAME]
)
def test_every_variant_converts_exactly_or_is_refused_by_name(
    name: str, build: Build, tmp_path: Path
) -> None:
    checkpoint, ends = build(name), BY_NAME[name].ends
    if ends.startswith("refused: "):
        check_refused(checkpoint, ends, tmp_path / "hf")
        return
    check_exact(convert(checkpoint, tmp_path / "hf", verify=True, audio=CLIPS))


def test_all_golden_clips_match_silence_and_a_tenth_of_a_second_among_them(tmp_path: Path) -> None:
    proof = convert(GOLDEN, tmp_path / "hf", verify=True)
    check_exact(proof)
    assert len(proof.coverage.clips) == 24


def test_what_a_folder_says_is_what_the_checkpoint_says(tmp_path: Path) -> None:
    convert(GOLDEN, tmp_path / "hf", verify=False)
    config = json.loads((tmp_path / "hf" / CONFIG_FILE).read_text())
    assert config["architectures"] == ["SpeechT5HifiGan"]
    assert config["normalize_before"] is False
    told = {**CONFIG, **BY_NAME["16000 samples a second, two layers, 40 bands"].config}
    for name in ("upsample_rates", "upsample_kernel_sizes", "upsample_initial_channel"):
        assert config[name] == told[name]
    for name in ("resblock_kernel_sizes", "resblock_dilation_sizes", "sampling_rate"):
        assert config[name] == told[name]
    assert config["model_in_dim"] == 40
    assert {path.name for path in (tmp_path / "hf").iterdir()} == {
        "README.md",
        "config.json",
        "feature_extraction_log_mel.py",
        "model.safetensors",
        "preprocessor_config.json",
        "verification.json",
    }
    card = (tmp_path / "hf" / "README.md").read_text()
    assert "| input | log-mel spectrograms of speech |" in card
    assert "`spectrogram * std + mean`" in card


SCRIPT = """
import json, sys
from importlib.util import find_spec

import soundfile
import torch
from transformers import AutoFeatureExtractor, SpeechT5HifiGan

vocoder = SpeechT5HifiGan.from_pretrained(sys.argv[1]).eval()
analyse = AutoFeatureExtractor.from_pretrained(sys.argv[1], trust_remote_code=True)
sound, rate = soundfile.read(sys.argv[2], dtype="float32")
spectrogram = analyse(sound, sampling_rate=rate, return_tensors="pt").spectrogram
with torch.no_grad():
    spoken = vocoder(spectrogram)
absent = [name for name in ("toolkit", "fairseq") if find_spec(name) is None]
print(json.dumps({"absent": absent, "waveform": spoken[0].tolist()}))
"""


def spoken_by_fairseq(clip: Path) -> torch.Tensor:
    """What fairseq's own vocoder makes of a clip's spectrogram."""
    from fairseq.data.audio.audio_utils import TTSMelScale, TTSSpectrogram
    from fairseq.models.text_to_speech.vocoder import HiFiGANVocoder

    from toolkit.oracle.mends.mel_scale import mended_mel_scale

    sound, _ = soundfile.read(clip, dtype="float32")
    with quiet_fairseq(), mended_mel_scale():
        own = HiFiGANVocoder(str(GOLDEN), json.loads((GOLDEN.parent / CONFIG_FILE).read_text()))
        bands = TTSMelScale(40, 16000, 0, 8000, 401)
        magnitudes = TTSSpectrogram(800, 640, 160)(torch.from_numpy(sound)[None])
    return own(torch.clamp(bands(magnitudes), min=1e-5).log().squeeze(0).t())[0]


def test_a_folder_speaks_where_there_is_neither_the_toolkit_nor_fairseq(tmp_path: Path) -> None:
    convert(GOLDEN, tmp_path / "hf", verify=False)
    (tmp_path / "speak.py").write_text(SCRIPT)
    said = make_elsewhere(tmp_path).run(tmp_path / "speak.py", tmp_path / "hf", CLIPS[0])
    assert said["absent"] == ["toolkit", "fairseq"]
    expected = spoken_by_fairseq(CLIPS[0])
    assert expected.abs().max() > 0.01
    torch.testing.assert_close(torch.tensor(said["waveform"]), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("break_it", "blamed", "level"),
    [
        (scale("upsampler.1.weight", 1.1), "upsampler.1", "waveform"),
        (scale("resblocks.0.convs2.1.bias", 3.0), "resblocks.0.convs2.1", "waveform"),
        (set_key("config.json", "leaky_relu_slope", 0.2), "leaky_relu_slope", "waveform"),
        (set_key("config.json", "normalize_before", True), "normalize_before", "config"),
        (
            set_key("preprocessor_config.json", "hop_length", 80),
            "preprocessor_config.hop_length",
            "front_end",
        ),
        (
            set_key("preprocessor_config.json", "floor", 0.1),
            "preprocessor_config.floor",
            "front_end",
        ),
    ],
)
def test_a_fault_is_blamed(break_it, blamed: str, level: str, tmp_path: Path) -> None:
    convert(GOLDEN, tmp_path / "hf", verify=False)
    break_it(tmp_path / "hf")
    (found,) = diff(GOLDEN, tmp_path / "hf", audio=CLIPS).findings
    assert blamed in (found.target_module, *found.config_keys)
    proof = verify(GOLDEN, tmp_path / "hf", audio=CLIPS)
    assert level in {one.name for one in proof.levels if one.verdict == "fail"}


def test_statistics_in_the_model_are_found(tmp_path: Path) -> None:
    """Nothing reads them where `normalize_before` is false, until somebody says true."""
    convert(GOLDEN, tmp_path / "hf", verify=False)
    set_tensor(tmp_path / "hf", "mean", torch.full((40,), 0.5))
    (found,) = diff(GOLDEN, tmp_path / "hf", audio=CLIPS).findings
    assert found.target_parameters == ("mean",)


def set_tensor(folder: Path, name: str, value: torch.Tensor) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    assert tensors[name].shape == value.shape
    save_file({**tensors, name: value}, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize("name", [PLAIN, NORMLESS])
def test_a_recording_stands_in_for_fairseq(name: str, build: Build, tmp_path: Path) -> None:
    """With weight norms, which whoever records takes off, as without."""
    checkpoint = build(name)
    convert(checkpoint, tmp_path / "hf", verify=False)
    record(checkpoint, tmp_path / "recording", audio=CLIPS)
    check_exact(verify(checkpoint, tmp_path / "hf", recording=tmp_path / "recording"))


def test_what_is_made_is_heard_in_a_report(build: Build, tmp_path: Path) -> None:
    """At the rate of players, and as long as the clip."""
    checkpoint = build(PLAIN)
    convert(checkpoint, tmp_path / "hf", verify=False)
    proof = verify(checkpoint, tmp_path / "hf", audio=CLIPS[:1])
    check_exact(proof)
    assert proof.pictures is not None
    (picture,) = proof.pictures.clips
    sound, rate = soundfile.read(CLIPS[0])
    assert picture.audio
    assert picture.duration_s == pytest.approx(len(sound) / rate, abs=0.02)


@pytest.mark.parametrize("kind", ["silence", "shortest"])
def test_silence_and_a_tenth_of_a_second_are_compared(
    kind: str, build: Build, tmp_path: Path
) -> None:
    clip = tmp_path / f"{kind}.wav"
    noise = np.random.default_rng(1).normal(0, 0.1, 1600)
    soundfile.write(clip, np.zeros(16000) if kind == "silence" else noise, 16000, subtype="FLOAT")
    check_exact(convert(build(PLAIN), tmp_path / "hf", verify=True, audio=[clip]))


def test_a_clip_that_is_too_short_for_a_frame_is_refused(tmp_path: Path) -> None:
    clip = tmp_path / "short.wav"
    soundfile.write(clip, np.zeros(400), 16000)
    with pytest.raises(BadInput, match="`short` .400 samples. must have at least"):
        convert(GOLDEN, tmp_path / "hf", verify=True, audio=[clip])
    assert not (tmp_path / "hf").exists()


def test_units_are_nothing_to_a_vocoder_of_spectrograms(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="clips, not unit sequences"):
        convert(GOLDEN, tmp_path / "hf", verify=True, units=[golden_folder() / "units.txt"])


@pytest.mark.parametrize(
    "content",
    [
        None,
        "[]",
        "{",
        '{"upsample_rates": [2]}',
        '{"upsample_rates": "8844", "resblock_dilation_sizes": [[1, 3, 5]]}',
        '{"upsample_rates": [0, 4], "resblock_dilation_sizes": [[1, 3, 5]]}',
        '{"upsample_rates": [8, 1e9], "resblock_dilation_sizes": [[1, 3, 5]]}',
        '{"upsample_rates": [8, 4], "resblock_dilation_sizes": [1, 3, 5]}',
        '{"upsample_rates": [8, 4], "resblock_dilation_sizes": [[]]}',
        '{"upsample_rates": [8, 4], "resblock_dilation_sizes": []}',
    ],
)
def test_its_configuration_must_stand_beside_it(
    content: str | None, build: Build, tmp_path: Path
) -> None:
    checkpoint = build(PLAIN)
    if content is None:
        (checkpoint.parent / CONFIG_FILE).unlink()
    else:
        (checkpoint.parent / CONFIG_FILE).write_text(content)
    with pytest.raises(BadInput, match="config.json` must"):
        convert(checkpoint, tmp_path / "hf", verify=False)
    assert not (tmp_path / "hf").exists()


@pytest.mark.parametrize("value", ["16000", 0, -1, 1 << 40, 16000.5, True])
def test_a_rate_that_is_none_is_refused(value: object, build: Build, tmp_path: Path) -> None:
    checkpoint = build(PLAIN)
    told = json.dumps({**CONFIG, "sampling_rate": value})
    (checkpoint.parent / CONFIG_FILE).write_text(told)
    with pytest.raises(BadInput, match="`sampling_rate` in the vocoder's `config.json` must be"):
        convert(checkpoint, tmp_path / "hf", verify=False)


def test_a_tensor_that_is_missing_is_named(build: Build, tmp_path: Path) -> None:
    checkpoint = build(NORMLESS)
    saved = torch.load(checkpoint, weights_only=True)
    del saved["generator"]["resblocks.3.convs2.1.bias"]
    torch.save(saved, checkpoint)
    with pytest.raises(Exception, match=r"resblocks\.3\.convs2\.1\.bias"):
        convert(checkpoint, tmp_path / "hf", verify=False)
    assert not (tmp_path / "hf").exists()


def test_residual_blocks_that_are_missing_are_counted(build: Build, tmp_path: Path) -> None:
    checkpoint = build(NORMLESS)
    saved = torch.load(checkpoint, weights_only=True)["generator"]
    kept = {name: t for name, t in saved.items() if not name.startswith("resblocks.3.")}
    torch.save({"generator": kept}, checkpoint)
    with pytest.raises(BadInput, match="`resblocks`: 4 layers upsample, and 3 residual blocks"):
        convert(checkpoint, tmp_path / "hf", verify=False)


@pytest.mark.parametrize("option", ["dict", "spm"])
def test_a_file_of_words_is_of_no_use(option: str, tmp_path: Path) -> None:
    words = {option: golden_folder() / "ctc" / "dict.ltr.txt"}
    with pytest.raises(BadInput, match="a vocoder has no words"):
        convert(GOLDEN, tmp_path / "hf", verify=False, **words)


def test_a_data_configuration_that_is_named_must_fit(build: Build, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("features: {n_mels: 100}\n")
    with pytest.raises(BadInput, match=r"`features.n_mels` in `.*other.yaml` must be 80"):
        convert(build(PLAIN), tmp_path / "hf", verify=False, config_yaml=other)


def test_it_is_recognized_by_its_tensors(build: Build) -> None:
    assert inspect(build(PLAIN)).family == "hifigan"


@pytest.mark.parametrize("name", [PLAIN, NORMLESS])
def test_an_export_like_the_checkpoint_has_its_bits(
    name: str, build: Build, tmp_path: Path
) -> None:
    """Gains and directions are the checkpoint's own, of which one weight alone is in the folder."""
    check_bits_come_back(build(name), tmp_path, has_norms=name == PLAIN, audio=CLIPS[:1])


def test_an_export_of_other_weights_makes_these_to_the_last_bit(
    build: Build, tmp_path: Path
) -> None:
    check_changes_come_back(build(PLAIN), "upsampler.1.weight", tmp_path, audio=CLIPS[:1])


def test_an_export_without_a_checkpoint_to_be_like_is_refused(tmp_path: Path) -> None:
    """No folder tells whether there were weight norms."""
    convert(GOLDEN, tmp_path / "hf", verify=False)
    with pytest.raises(BadInput, match="with `--like`"):
        export(tmp_path / "hf", tmp_path / "back.pt", verify=False)
    assert not (tmp_path / "back.pt").exists()


def test_code_of_the_extractor_that_is_missing_is_what_has_to_come_back(tmp_path: Path) -> None:
    convert(GOLDEN, tmp_path / "hf", verify=False)
    (tmp_path / "hf" / LOG_MEL.name).unlink()
    (finding,) = diff(GOLDEN, tmp_path / "hf", audio=CLIPS[:1]).findings
    named = f"`{LOG_MEL.name}`"
    assert finding.summary == f"`preprocessor_config.json` names {named}, which is not there"
    assert finding.fix == f"put {named} back into the folder, as `toolkit convert` writes it"
