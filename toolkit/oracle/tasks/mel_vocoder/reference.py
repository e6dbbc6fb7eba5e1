"""fairseq's HiFi-GAN, asked as `HiFiGANVocoder` asks it, about the spectrogram of a clip."""

from __future__ import annotations

from typing import Collection, Mapping, Optional, Sequence, Tuple

import torch
from torch import Tensor, nn

from toolkit.oracle.asking import Pass
from toolkit.oracle.encoder_reference import WordlessReference
from toolkit.oracle.loading import load_normless
from toolkit.oracle.mends.mel_scale import mended_mel_scale
from toolkit.oracle.reference import one_pass
from toolkit.oracle.search import SAMPLES_A_SECOND
from toolkit.oracle.tasks.base import Settings

FEATURES = "features"
"""The setting that says how a spectrogram is made, by the names of `config.yaml`."""


class MelVocoderReference(WordlessReference):
    """A fairseq vocoder of spectrograms, ready to be asked."""

    def __init__(self, model: nn.Module, features: Settings) -> None:
        """Takes a vocoder in evaluation mode, without weight norms.

        Args:
            model: The vocoder.
            features: How a spectrogram is made of a waveform.
        """
        super().__init__(model, normalize=False)
        self.features = features
        self._magnitudes, self._bands = _transforms(features)

    def front_end(self, waveform: Tensor) -> Tensor:
        """The log-mel spectrogram of a waveform, as fairseq's `extract_logmel_spectrogram` does.

        Args:
            waveform: Shape (L,), 16 kHz mono, full scale 1.0; first it gets the vocoder's rate.

        Returns:
            Shape (T, F), natural logarithms.
        """
        samples = resampled(waveform, int(self.features["sample_rate"]))
        bands = self._bands(self._magnitudes(samples.unsqueeze(0)))
        spectrogram: Tensor = torch.clamp(bands, min=float(self.features["eps"])).log()
        return spectrogram[0].t().contiguous()

    def forward(
        self,
        sources: Sequence[Tensor],
        prefixes: Sequence[Sequence[int]] = (),  # noqa: ARG002
        *,
        double: bool = False,
        explicit: bool = False,
        only: Optional[Collection[str]] = None,
    ) -> Pass:
        """One pass over spectrograms of one length: fairseq pads none.

        Args:
            sources: Shape (T, F) each.
            prefixes: Of no use: there is no decoder.
            double: Compute in float64 throughout.
            explicit: Of no use: there is no attention.
            only: Paths of the modules whose calls are recorded; None records all.

        Returns:
            `waveform`, shape (B, samples), and the calls.
        """
        batch = torch.stack(list(sources)).to(self.device)
        batch = batch.double() if double else batch
        with one_pass(self.model, double=double, explicit=explicit, only=only) as calls:
            waveform = self.model(batch.transpose(1, 2))  # (B, T, F) -> (B, F, T)
        return Pass(outputs={"waveform": waveform.squeeze(1).cpu()}, calls=calls)


def resampled(waveform: Tensor, rate_hz: int) -> Tensor:
    """A waveform of 16 kHz with another number of samples a second, for both sides of a comparison.

    Args:
        waveform: Shape (L,).
        rate_hz: Samples a second; of fewer, what they cannot hold is left out.

    Returns:
        Shape (L * rate_hz / 16000,), with the frequencies of the whole clip.
    """
    length = max(1, round(len(waveform) * rate_hz / SAMPLES_A_SECOND))
    if length == len(waveform):
        return waveform
    sound: Tensor = torch.fft.irfft(torch.fft.rfft(waveform.double()), n=length)
    return (sound * (length / len(waveform))).to(waveform.dtype)


def _transforms(features: Settings) -> Tuple[nn.Module, nn.Module]:
    """From a waveform to magnitudes of frequencies, and from these to mel bands."""
    from fairseq.data.audio.audio_utils import TTSMelScale, TTSSpectrogram

    magnitudes = TTSSpectrogram(
        n_fft=features["n_fft"],
        win_length=features["win_length"],
        hop_length=features["hop_length"],
        window_fn=getattr(torch, "{}_window".format(features["window_fn"])),
    )
    with mended_mel_scale():
        bands = TTSMelScale(
            n_mels=features["n_mels"],
            sample_rate=features["sample_rate"],
            f_min=features["f_min"],
            f_max=features["f_max"],
            n_stft=features["n_fft"] // 2 + 1,
        )
    return magnitudes, bands


def open_reference(
    settings: Settings,
    state_dict: Mapping[str, Tensor],
    data_dir: str,  # noqa: ARG001
    *,
    dropped: Collection[str],
    padding: str,  # noqa: ARG001
    tags: Collection[int],  # noqa: ARG001
) -> MelVocoderReference:
    """See `toolkit.oracle.tasks.open_task`."""
    from fairseq.models.text_to_speech.hifigan import Generator

    model = Generator(dict(settings))
    load_normless(model, state_dict, dropped)
    return MelVocoderReference(model.eval(), settings[FEATURES])
