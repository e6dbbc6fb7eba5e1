"""Lets fairseq make its mel filters without librosa, and with one that is newer than fairseq.

fairseq names what it gives `librosa.filters.mel` by place, which librosa refuses since 0.10.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Callable, Iterator, Optional

import numpy as np
import torch
from torch import Tensor

LINEAR_HZ = 200.0 / 3
"""A mel below `BREAK_HZ`."""
BREAK_HZ = 1000.0
STEP = np.log(6.4) / 27
"""A mel above, in logarithms of frequency."""


@contextmanager
def mended_mel_scale() -> Iterator[None]:
    """While the context lasts, fairseq's `TTSMelScale` can be built whatever librosa there is."""
    from fairseq.data.audio import audio_utils

    own: Callable[..., Tensor] = audio_utils.get_mel_filters

    def find(rate: int, n_fft: int, n_mels: int, f_min: float, f_max: Optional[float]) -> Tensor:
        try:
            return own(rate, n_fft, n_mels, f_min, f_max)
        except (ImportError, TypeError):
            return mel_filters(rate, n_fft, n_mels, f_min, f_max)

    audio_utils.get_mel_filters = find
    try:
        yield
    finally:
        audio_utils.get_mel_filters = own


def mel_filters(
    sample_rate: int, n_fft: int, n_mels: int, f_min: float, f_max: Optional[float]
) -> Tensor:
    """What `librosa.filters.mel` makes: triangles on Slaney's mel scale, each of one area.

    Args:
        sample_rate: Samples a second.
        n_fft: Samples of a frame.
        n_mels: How many triangles.
        f_min: Where the first begins, in Hz.
        f_max: Where the last ends; None for half of the rate.

    Returns:
        Shape (n_mels, n_fft / 2 + 1).
    """
    frequencies = np.arange(n_fft // 2 + 1) * sample_rate / n_fft
    top = sample_rate / 2 if f_max is None else f_max
    ends = [_frequency(m) for m in np.linspace(_mel(f_min), _mel(top), n_mels + 2)]
    rows = [
        np.interp(frequencies, [low, middle, high], [0.0, 2 / (high - low), 0.0])
        for low, middle, high in zip(ends, ends[1:], ends[2:])
    ]
    return torch.from_numpy(np.stack(rows)).float()


def _mel(frequency: float) -> float:
    linear = min(frequency, BREAK_HZ) / LINEAR_HZ
    return float(linear + np.log(max(frequency, BREAK_HZ) / BREAK_HZ) / STEP)


def _frequency(mel: float) -> float:
    beyond = mel - BREAK_HZ / LINEAR_HZ
    return mel * LINEAR_HZ if beyond < 0 else float(BREAK_HZ * np.exp(beyond * STEP))
