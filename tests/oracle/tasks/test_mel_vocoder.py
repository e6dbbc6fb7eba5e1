"""fairseq's vocoder is asked as fairseq's own `HiFiGANVocoder` asks it, norms on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.variants.mel_kinds import MEL_VARIANTS
from tests.variants.vocoder_building import build_mel_vocoder
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.oracle.tasks.mel_vocoder import MelVocoderReference, resampled
from toolkit.pipeline.prepare import Inputs, prepare
from toolkit.pipeline.reference import open_reference

BY_NAME = {variant.name: variant for variant in MEL_VARIANTS}


@pytest.mark.parametrize(
    "name",
    ["22050 samples a second", "16000 samples a second, two layers, 40 bands"],
)
def test_a_waveform_is_that_of_fairseq_s_own_vocoder(name: str, tmp_path: Path) -> None:
    from fairseq.models.text_to_speech.vocoder import HiFiGANVocoder

    with quiet_fairseq():
        checkpoint = build_mel_vocoder(BY_NAME[name], tmp_path)
        said = json.loads((tmp_path / "config.json").read_text())
        own = HiFiGANVocoder(str(checkpoint), said)
    spectrogram = torch.randn(9, said["num_mels"], generator=torch.Generator().manual_seed(1))
    expected = own(spectrogram)
    with open_reference(prepare(Inputs(checkpoint=checkpoint))) as reference:
        assert isinstance(reference, MelVocoderReference)
        made = reference.forward([spectrogram]).outputs["waveform"]
        both = reference.forward([spectrogram, 2 * spectrogram]).outputs["waveform"]
    assert made.equal(expected)
    assert both.shape == (2, expected.numel())
    torch.testing.assert_close(both[:1], expected, rtol=0, atol=1e-6)


def tone(frequency: int, rate: int) -> torch.Tensor:
    """A second of it."""
    return torch.sin(2 * torch.pi * frequency * torch.arange(rate, dtype=torch.float64) / rate)


def test_a_tone_keeps_its_frequency_at_another_rate() -> None:
    for rate in (8000, 22050, 24000):
        torch.testing.assert_close(resampled(tone(440, 16000), rate), tone(440, rate))
    assert len(resampled(torch.zeros(1600), 22050)) == 2205


def test_at_its_own_rate_a_clip_is_left_alone() -> None:
    sound = tone(440, 16000)
    assert resampled(sound, 16000) is sound


def test_what_a_lower_rate_cannot_hold_is_left_out() -> None:
    assert resampled(tone(6000, 16000), 8000).abs().max() < 1e-9
    assert len(resampled(torch.ones(1), 8000)) == 1
