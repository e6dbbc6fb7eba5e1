"""fairseq makes its mel filters without librosa, and nothing of that stays."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from fairseq.data.audio import audio_utils
from transformers.audio_utils import mel_filter_bank

from toolkit.oracle.mends.mel_scale import mel_filters, mended_mel_scale

SAID = (22050, 1024, 80, 20, 8000)


def stock(rate: int, n_fft: int, bands: int, low: float, high: float) -> np.ndarray:
    return mel_filter_bank(
        n_fft // 2 + 1, bands, low, high, rate, norm="slaney", mel_scale="slaney"
    ).T


@pytest.mark.parametrize("said", [SAID, (16000, 800, 40, 0, 8000), (44100, 2048, 128, 0, 16000)])
def test_filters_are_those_of_transformers(said) -> None:
    expected = stock(*said)
    assert np.abs(mel_filters(*said).numpy() - expected).max() <= 1e-6 * expected.max()


def test_without_an_end_they_reach_half_of_the_rate() -> None:
    assert mel_filters(16000, 800, 40, 0, None).equal(mel_filters(16000, 800, 40, 0, 8000))


def without_librosa(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "librosa", None)


def with_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("librosa")
    module.filters = SimpleNamespace(mel=lambda *, sr: sr)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "librosa", module)


@pytest.mark.parametrize("there", [without_librosa, with_a_new_one])
def test_fairseq_makes_them_whatever_librosa_there_is(there, monkeypatch) -> None:
    there(monkeypatch)
    own = audio_utils.get_mel_filters
    with pytest.raises((ImportError, TypeError)):
        own(*SAID)
    with mended_mel_scale():
        scale = audio_utils.TTSMelScale(80, 22050, 20, 8000, 513)
    assert scale.basis.equal(mel_filters(*SAID))
    assert audio_utils.get_mel_filters is own


def test_a_librosa_that_fits_is_asked_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("librosa")
    module.filters = SimpleNamespace(mel=lambda *_: np.ones((80, 513)))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "librosa", module)
    with mended_mel_scale():
        assert audio_utils.TTSMelScale(80, 22050, 20, 8000, 513).basis.equal(torch.ones(80, 513))


def test_nothing_stays_after_an_error_either() -> None:
    own = audio_utils.get_mel_filters
    with pytest.raises(ZeroDivisionError), mended_mel_scale():
        raise ZeroDivisionError
    assert audio_utils.get_mel_filters is own
