"""The filter banks that a folder carries are fairseq's, and what users do with them works."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import transformers

from toolkit.bundled.feature_extraction_filter_banks import (
    FairseqFilterBankExtractor,
    filter_banks,
    narrowest,
)
from toolkit.oracle.mends.kaldi import kaldi_alone

RATE = 16000
SCALE = 2**15


def kaldis(waveform: np.ndarray) -> np.ndarray:
    """What fairseq makes of a waveform."""
    from fairseq.data.audio.audio_utils import _get_torchaudio_fbank

    with kaldi_alone():
        return _get_torchaudio_fbank(waveform[None] * SCALE, RATE)


def fairseqs(waveform: np.ndarray, **options: bool) -> np.ndarray:
    """The same with mean 0 and variance 1."""
    from fairseq.data.audio.feature_transforms.utterance_cmvn import UtteranceCMVN

    return UtteranceCMVN(**options)(kaldis(waveform))


def hear(extractor: FairseqFilterBankExtractor, *waveforms: np.ndarray) -> list[np.ndarray]:
    heard = extractor(list(waveforms), sampling_rate=RATE)
    return [np.asarray(row) for row in heard["input_features"]]


@pytest.fixture(scope="module")
def silence() -> np.ndarray:
    return np.zeros(RATE, dtype=np.float32)


def test_every_clip_has_fairseqs_filter_banks_to_the_last_bit(clips) -> None:
    for clip in clips:
        (plain,) = hear(FairseqFilterBankExtractor(do_ceptral_normalize=False), clip.waveform)
        assert np.array_equal(plain, kaldis(clip.waveform)), clip.name
        (normalized,) = hear(FairseqFilterBankExtractor(), clip.waveform)
        assert np.array_equal(normalized, fairseqs(clip.waveform)), clip.name


@pytest.mark.parametrize(
    "options",
    [
        {"norm_means": False, "norm_vars": True},
        {"norm_means": True, "norm_vars": False},
        {"norm_means": False, "norm_vars": False},
    ],
)
def test_means_and_variances_are_normalized_apart(clip, options) -> None:
    waveform = clip("tiny").waveform
    (heard,) = hear(
        FairseqFilterBankExtractor(
            normalize_means=options["norm_means"], normalize_vars=options["norm_vars"]
        ),
        waveform,
    )
    assert np.array_equal(heard, fairseqs(waveform, **options))


def test_silence_is_heard_as_fairseq_hears_it_and_the_stock_class_makes_no_finite_number_of_it(
    silence,
) -> None:
    (heard,) = hear(FairseqFilterBankExtractor(), silence)
    assert np.isfinite(heard).all()
    assert np.array_equal(heard, fairseqs(silence))
    with np.errstate(all="ignore"):
        stock = transformers.Speech2TextFeatureExtractor()(silence, sampling_rate=RATE)
    assert not np.isfinite(stock["input_features"][0]).any()


def test_the_stock_class_is_as_far_off_as_its_users_are_told(clips) -> None:
    """Most on a clip without energy above 4 kHz, whose logarithms are those of rounding."""
    stock = transformers.Speech2TextFeatureExtractor()
    off = {}
    for clip in clips:
        heard = stock(clip.waveform, sampling_rate=RATE)["input_features"][0]
        off[clip.name] = np.abs(heard - fairseqs(clip.waveform)).max()
    assert 0.1 < off.pop("rate_8k") < 0.2
    assert 1e-3 < max(off.values()) < 1e-2


def test_a_padded_batch_has_each_clip_as_it_is_alone_and_zeros_behind(clip) -> None:
    waveforms = [clip("en_1").waveform, clip("tiny").waveform]
    extractor = FairseqFilterBankExtractor()
    batch = extractor(waveforms, sampling_rate=RATE, padding=True, return_tensors="np")
    for row, mask, alone in zip(
        batch["input_features"], batch["attention_mask"], hear(extractor, *waveforms), strict=True
    ):
        assert mask.sum() == len(alone)
        assert np.array_equal(row[: len(alone)], alone)
        assert not row[len(alone) :].any()


def test_the_shortest_clip_is_one_frame_and_a_shorter_one_is_refused_by_its_length() -> None:
    assert filter_banks(torch.randn(400), 80, RATE).shape == (1, 80)
    with pytest.raises(ValueError, match="at least 400 samples.* has 399"):
        filter_banks(torch.randn(399), 80, RATE)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_statistics_of_a_corpus_count_in_the_precision_that_they_were_saved_in(clip, dtype) -> None:
    drawn = np.random.default_rng(0)
    mean, std = (drawn.uniform(1, 9, 80).astype(dtype) for _ in range(2))
    extractor = FairseqFilterBankExtractor(
        do_ceptral_normalize=False, global_mean=mean.tolist(), global_std=std.tolist()
    )
    waveform = clip("tiny").waveform
    expected = np.divide(np.subtract(kaldis(waveform), mean), std).astype(np.float32)
    assert np.array_equal(hear(extractor, waveform)[0], expected)
    assert narrowest(mean.tolist()).dtype == dtype


def test_what_is_saved_and_loaded_again_hears_the_same(clip, tmp_path) -> None:
    extractor = FairseqFilterBankExtractor(global_mean=[0.5] * 80, global_std=[2.0] * 80)
    extractor.save_pretrained(tmp_path)
    again = FairseqFilterBankExtractor.from_pretrained(tmp_path)
    waveform = clip("tiny").waveform
    assert np.array_equal(hear(again, waveform)[0], hear(extractor, waveform)[0])
    said = json.loads((tmp_path / "preprocessor_config.json").read_text())
    assert not {"mel_filters", "window"} & said.keys()
