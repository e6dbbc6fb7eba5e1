"""The spectrogram that a folder carries is fairseq's, and what users do with it works."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from toolkit.bundled.feature_extraction_log_mel import FairseqLogMelExtractor, mel_bands
from toolkit.oracle.mends.mel_scale import mel_filters, mended_mel_scale

RATE = 16000
SIZES = (
    {},
    {"n_fft": 800, "win_length": 640, "hop_length": 160, "feature_size": 40, "f_min": 0.0},
    {"n_fft": 512, "win_length": 400, "window_function": "hamming", "floor": 1e-8, "f_max": 4000.0},
)


def fairseqs(waveform: np.ndarray, extractor: FairseqLogMelExtractor) -> np.ndarray:
    """What `extract_logmel_spectrogram` makes of a waveform."""
    from fairseq.data.audio.audio_utils import TTSMelScale, TTSSpectrogram

    window = getattr(torch, f"{extractor.window_function}_window")
    frames = (extractor.n_fft, extractor.win_length, extractor.hop_length)
    with mended_mel_scale():
        bands = TTSMelScale(
            n_mels=extractor.feature_size,
            sample_rate=extractor.sampling_rate,
            f_min=extractor.f_min,
            f_max=extractor.f_max,
            n_stft=extractor.n_fft // 2 + 1,
        )
    magnitudes = TTSSpectrogram(*frames, window_fn=window)(torch.from_numpy(waveform)[None])
    return torch.clamp(bands(magnitudes), min=extractor.floor).log().squeeze(0).t().numpy()


def analyse(extractor: FairseqLogMelExtractor, waveform: np.ndarray) -> np.ndarray:
    heard = extractor(waveform, sampling_rate=RATE, return_tensors="pt")
    return heard["spectrogram"][0].numpy()


@pytest.mark.parametrize("sizes", SIZES)
def test_every_clip_has_fairseqs_spectrogram(clips, sizes) -> None:
    """Silence and a tenth of a second are among them."""
    extractor = FairseqLogMelExtractor(sampling_rate=RATE, **sizes)
    for clip in clips[:: 1 if not sizes else 6]:
        expected = fairseqs(clip.waveform, extractor)
        found = analyse(extractor, clip.waveform)
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() <= 1e-6 * np.abs(expected).max(), clip.name


def test_silence_and_a_tenth_of_a_second_are_finite() -> None:
    extractor = FairseqLogMelExtractor(sampling_rate=RATE)
    silence = np.zeros(RATE // 10, dtype=np.float32)
    found = analyse(extractor, silence)
    assert found.shape == (7, 80)
    assert np.allclose(found, np.log(1e-5))


@pytest.mark.parametrize(
    ("rate", "bands", "low", "high"), [(22050, 80, 20, 8000), (16000, 40, 0, 8000)]
)
def test_bands_are_those_that_fairseq_is_given(rate, bands, low, high) -> None:
    expected = mel_filters(rate, 1024, bands, low, high)
    found = mel_bands(rate, 1024, bands, float(low), float(high))
    assert float((found - expected).abs().max()) <= 1e-6 * float(expected.max())


def test_several_waveforms_are_filled_up_with_silence_where_that_is_asked_for() -> None:
    extractor = FairseqLogMelExtractor(sampling_rate=RATE, padding_value=float(np.log(1e-5)))
    long, short = np.ones(4096, dtype=np.float32), np.ones(2048, dtype=np.float32)
    heard = extractor([long, short], sampling_rate=RATE, padding=True, return_tensors="pt")
    assert heard["spectrogram"].shape == (2, 17, 80)
    assert torch.allclose(heard["spectrogram"][1, 9:], torch.tensor(1e-5).log())
    assert len(extractor([long.tolist(), short.tolist()])["spectrogram"]) == 2


def test_another_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="must have 22050 samples a second, but has 16000"):
        FairseqLogMelExtractor()(np.zeros(4096), sampling_rate=RATE)


@pytest.mark.parametrize("waveform", [np.zeros(512), np.zeros((2, 2048)), np.zeros(0)])
def test_what_is_too_short_or_has_two_channels_is_refused(waveform) -> None:
    with pytest.raises(ValueError, match="must have more than 512 samples"):
        FairseqLogMelExtractor()(waveform)
