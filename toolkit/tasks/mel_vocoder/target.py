"""A folder whose model makes waveforms of spectrograms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from transformers.utils import ModelOutput

from toolkit.oracle.tasks.mel_vocoder import resampled
from toolkit.tasks.speech.target import HearingTarget

SPECTROGRAM = "spectrogram"


class MelVocoderTarget(HearingTarget):
    """A converted vocoder with its feature extractor, ready to be asked."""

    auto_class = "SpeechT5HifiGan"
    has_words = False
    framing = ((r"conv_pre", -1),)

    @property
    def input_name(self) -> str:
        """What the model calls its input."""
        return SPECTROGRAM

    def front_end(self, waveform: Tensor) -> Tensor:
        """The spectrogram, shape (T, F), of a waveform of shape (L,) at 16 kHz.

        Raises:
            ValueError: the folder's feature extractor makes something else.
        """
        return super().front_end(resampled(waveform, self.feature_extractor.sampling_rate))

    def frames(self, samples: Sequence[int]) -> list[int]:
        """How many frames the spectrograms of waveforms of these lengths have."""
        hop = int(self.feature_extractor.hop_length)
        return [1 + length // hop for length in samples]

    def call(self, sources: Sequence[Tensor], prefixes: Sequence[Sequence[int]]) -> ModelOutput:  # noqa: ARG002
        """The waveforms of spectrograms of one length.

        Args:
            sources: Shape (T, F) each.
            prefixes: Of no use: there is no decoder.
        """
        batch = torch.stack(list(sources)).to(self.model.device)
        return ModelOutput(waveform=self.model(batch))

    def further_arguments(self, prefixes: Sequence[Sequence[int]]) -> Mapping[str, object]:  # noqa: ARG002
        """Nothing."""
        return {}

    def outputs(self, output: ModelOutput) -> Mapping[str, Tensor]:
        """`waveform`, shape (B, samples)."""
        return {"waveform": output.waveform.cpu()}
