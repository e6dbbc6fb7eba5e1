"""fairseq's log-mel spectrogram of a waveform, as its models that read texts out predict it.

The steps are fairseq's, in their order, so that float32 rounds alike: a logarithm makes much of
little. Source: `TTSSpectrogram` and `TTSMelScale` of `fairseq/data/audio/audio_utils.py`, and
`extract_logmel_spectrogram` of `examples/speech_synthesis/data_utils.py`.
"""

from functools import lru_cache

import numpy as np
import torch
from transformers import BatchFeature, SequenceFeatureExtractor
from transformers.audio_utils import mel_filter_bank


class FairseqLogMelExtractor(SequenceFeatureExtractor):
    """Natural logarithms of mel bands of magnitudes, not normalized."""

    model_input_names = ("spectrogram",)

    def __init__(
        self,
        feature_size: int = 80,
        sampling_rate: int = 22050,
        padding_value: float = 0.0,
        n_fft: int = 1024,
        win_length: int = 1024,
        hop_length: int = 256,
        window_function: str = "hann",
        f_min: float = 20.0,
        f_max: float = 8000.0,
        floor: float = 1e-5,
        **kwargs: object,
    ) -> None:
        """Takes what fairseq's `config.yaml` calls features.

        Args:
            feature_size: How many bands.
            sampling_rate: Samples a second.
            padding_value: What stands behind the end of a spectrogram in a batch.
            n_fft: Samples of a frame.
            win_length: How many of them the window covers, in their middle.
            hop_length: Samples from one frame to the next.
            window_function: What torch calls the window, without `_window`.
            f_min: Where the lowest band begins, in Hz.
            f_max: Where the highest ends.
            floor: What no band is less than, as its logarithm is taken.
            kwargs: As every feature extractor takes them.
        """
        super().__init__(
            feature_size=feature_size,
            sampling_rate=sampling_rate,
            padding_value=padding_value,
            **kwargs,
        )
        self.n_fft, self.win_length, self.hop_length = n_fft, win_length, hop_length
        self.window_function, self.f_min, self.f_max, self.floor = (
            window_function,
            f_min,
            f_max,
            floor,
        )

    def __call__(
        self,
        raw_speech: np.ndarray | list[float] | list[np.ndarray] | list[list[float]],
        sampling_rate: int | None = None,
        return_tensors: str | None = None,
        padding: bool | str = False,
        **kwargs: object,
    ) -> BatchFeature:
        """The spectrogram of a waveform, or of several, as `spectrogram`.

        Args:
            raw_speech: Full scale 1.0, shape (L,), or several in a list.
            sampling_rate: Samples a second that the waveform has.
            return_tensors: `pt` for torch.
            padding: Whether shorter spectrograms are filled up; a vocoder hears what fills them.
            kwargs: As `pad` takes them.

        Raises:
            ValueError: the waveform has another rate, or is shorter than half a frame.
        """
        if sampling_rate not in (None, self.sampling_rate):
            raise ValueError(
                f"A waveform must have {self.sampling_rate} samples a second, but has "
                f"{sampling_rate}. Resample it first."
            )
        batched = isinstance(raw_speech, (list, tuple)) and np.ndim(raw_speech[0]) > 0
        waveforms = raw_speech if batched else [raw_speech]
        spectra = [self._spectrogram(np.asarray(w, dtype=np.float32)) for w in waveforms]
        return self.pad(
            BatchFeature({"spectrogram": spectra}),
            padding=padding,
            return_tensors=return_tensors,
            **kwargs,
        )

    def _spectrogram(self, waveform: np.ndarray) -> np.ndarray:
        """Shape (T, bands) of one waveform of shape (L,)."""
        half = self.n_fft // 2
        if waveform.ndim != 1 or len(waveform) <= half:
            raise ValueError(
                f"A waveform must have more than {half} samples, half a frame, in one channel, but "
                f"has shape {waveform.shape}. Leave it out, or pad it with silence."
            )
        samples = torch.from_numpy(waveform)[None, None]
        padded = torch.nn.functional.pad(samples, (half, half), mode="reflect")
        basis = fourier_basis(self.n_fft, self.win_length, self.window_function)
        waves = torch.nn.functional.conv1d(padded, basis, stride=self.hop_length)
        real, imaginary = waves[:, : half + 1], waves[:, half + 1 :]
        magnitudes = torch.sqrt(real**2 + imaginary**2)
        bands = mel_bands(self.sampling_rate, self.n_fft, self.feature_size, self.f_min, self.f_max)
        return torch.matmul(bands, magnitudes).clamp(min=self.floor).log()[0].T.numpy()


@lru_cache(maxsize=4)
def fourier_basis(n_fft: int, win_length: int, window: str) -> torch.Tensor:
    """Windowed cosines, then sines, of each frequency: shape (n_fft + 2, 1, n_fft)."""
    waves = np.fft.fft(np.eye(n_fft))[: n_fft // 2 + 1]
    basis = torch.from_numpy(np.concatenate([waves.real, waves.imag])).float()
    around = n_fft - win_length
    shape = getattr(torch, f"{window}_window")(win_length)
    return basis[:, None] * torch.nn.functional.pad(shape, (around // 2, around - around // 2))


@lru_cache(maxsize=4)
def mel_bands(rate_hz: int, n_fft: int, bands: int, f_min: float, f_max: float) -> torch.Tensor:
    """How much each frequency counts in each band, shape (bands, n_fft / 2 + 1).

    What `librosa.filters.mel` makes, by which fairseq does.
    """
    size = n_fft // 2 + 1
    slaney = {"norm": "slaney", "mel_scale": "slaney"}
    weights = mel_filter_bank(size, bands, f_min, f_max, rate_hz, **slaney)
    return torch.from_numpy(weights.T.astype(np.float32))
