"""fairseq's log mel filter banks of a waveform, and how it normalizes them.

fairseq calls Kaldi's filter banks in the words of `torchaudio.compliance.kaldi`; here are the same
steps in the same order, in torch alone, so that float32 rounds alike. The stock class computes them
in numpy or through torchaudio, whichever is installed, and has no floor under a variance.
"""

import math

import numpy as np
import torch
from transformers import Speech2TextFeatureExtractor

FRAME_S, SHIFT_S = 0.025, 0.010
FULL_SCALE = 2**15
"""Kaldi's samples are 16-bit integers."""
PREEMPHASIS = 0.97
WINDOW_POWER = 0.85
"""Of a Hann window: Povey's goes to zero at its edges, and is flatter between."""
LOWEST_HZ = 20.0
FLOOR = torch.finfo(torch.float32).eps
"""Of an energy, whose logarithm is taken."""
VARIANCE_FLOOR = 1e-10


class FairseqFilterBankExtractor(Speech2TextFeatureExtractor):
    """`Speech2TextFeatureExtractor` with fairseq's arithmetic, and its normalization by corpus."""

    def __init__(
        self,
        global_mean: list[float] | None = None,
        global_std: list[float] | None = None,
        **kwargs: object,
    ) -> None:
        """Takes the statistics of a corpus beside what the stock class takes.

        Args:
            global_mean: Of every bin over the corpus; None where fairseq has no `global_cmvn`.
            global_std: Its standard deviation.
            kwargs: As the stock class takes them.
        """
        super().__init__(**kwargs)
        self.global_mean, self.global_std = global_mean, global_std

    def _extract_fbank_features(self, waveform: np.ndarray) -> np.ndarray:
        """Filter banks of a waveform, full scale 1.0, shape (L,), as (T, bins)."""
        samples = torch.from_numpy(np.squeeze(waveform) * FULL_SCALE)
        banks = filter_banks(samples, self.num_mel_bins, self.sampling_rate).numpy()
        if self.global_mean is None or self.global_std is None:
            return banks
        mean, std = narrowest(self.global_mean), narrowest(self.global_std)
        return np.divide(np.subtract(banks, mean), std).astype(np.float32)

    @staticmethod
    def utterance_cmvn(
        x: np.ndarray,
        input_length: int,
        normalize_means: bool | None = True,
        normalize_vars: bool | None = True,
        padding_value: float = 0.0,
    ) -> np.ndarray:
        """Filter banks, shape (T, bins), with mean 0 and variance 1 over the clip's own frames."""
        clip = x[:input_length]
        mean, squares = clip.mean(axis=0), (clip**2).sum(axis=0)
        row = np.full_like(x, padding_value, dtype=np.float32)
        if normalize_means:
            clip = np.subtract(clip, mean)
        if normalize_vars:
            variance = squares / clip.shape[0] - mean**2
            clip = np.divide(clip, np.sqrt(np.maximum(variance, VARIANCE_FLOOR)))
        row[:input_length] = clip
        return row


def filter_banks(samples: torch.Tensor, bins: int, rate_hz: int) -> torch.Tensor:
    """Logarithms of the energies in `bins` bands for every frame that fits into the clip.

    Args:
        samples: Shape (L,), float32, as large as 16-bit integers.
        bins: How many bands, evenly spaced in mel.
        rate_hz: Samples a second.

    Returns:
        Shape (T, bins), a frame every 10 ms.

    Raises:
        ValueError: the clip is shorter than one frame of 25 ms.
    """
    width, shift = round(rate_hz * FRAME_S), round(rate_hz * SHIFT_S)
    if len(samples) < width:
        raise ValueError(
            f"A waveform must have at least {width} samples, which make one frame of 25 ms, but "
            f"has {len(samples)}. Leave it out, or pad it with silence."
        )
    frames = samples.unfold(0, width, shift)
    frames = frames - frames.mean(dim=1, keepdim=True)
    frames = frames - PREEMPHASIS * torch.cat([frames[:, :1], frames[:, :-1]], dim=1)
    frames = frames * torch.hann_window(width, periodic=False).pow(WINDOW_POWER)
    padded = 1 << (width - 1).bit_length()
    power = torch.fft.rfft(torch.nn.functional.pad(frames, (0, padded - width))).abs().pow(2.0)
    energies = torch.mm(power, mel_weights(bins, padded, rate_hz).T)
    return energies.clamp(min=FLOOR).log()


def mel_weights(bins: int, padded: int, rate_hz: int) -> torch.Tensor:
    """How much each frequency counts in each band: triangles in mel, shape (bins, padded / 2 + 1).

    The last frequency, half the rate, counts in none.
    """
    lowest, highest = _mel(LOWEST_HZ), _mel(0.5 * rate_hz)
    width = (highest - lowest) / (bins + 1)
    band = torch.arange(bins).unsqueeze(1)
    left, centre, right = (lowest + (band + side) * width for side in (0.0, 1.0, 2.0))
    frequencies = rate_hz / padded * torch.arange(padded // 2)
    mel = (1127.0 * (1.0 + frequencies / 700.0).log()).unsqueeze(0)
    rises, falls = (mel - left) / (centre - left), (right - mel) / (right - centre)
    return torch.nn.functional.pad(torch.min(rises, falls).clamp(min=0.0), (0, 1))


def narrowest(values: list[float]) -> np.ndarray:
    """Numbers in float32 where that holds them all, as fairseq's own scripts save them."""
    wide = np.array(values, dtype=np.float64)
    narrow = wide.astype(np.float32)
    return narrow if np.array_equal(narrow, wide) else wide


def _mel(frequency_hz: float) -> float:
    return 1127.0 * math.log(1.0 + frequency_hz / 700.0)
