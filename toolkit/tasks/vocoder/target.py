"""A folder whose model makes waveforms of units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from toolkit.oracle.tasks.vocoder.reference import SPEAKER, lasting
from toolkit.tasks.speech.target import HearingTarget

if TYPE_CHECKING:
    from transformers.utils import ModelOutput


class VocoderTarget(HearingTarget):
    """A converted vocoder, ready to be asked."""

    auto_class = "SeamlessM4TCodeHifiGan"
    has_words = False
    framing = ((r"hifi_gan\.conv_pre", -1),)

    def _take_processor(self, place: Path) -> None:
        """There is none: units are what the model is given."""

    @property
    def saved_beside(self) -> tuple[()]:
        """Nothing."""
        return ()

    @property
    def units(self) -> int:
        """How many units the vocoder knows."""
        return int(self.model.config.unit_hifi_gan_vocab_size)

    def front_end(self, waveform: Tensor) -> Tensor:
        """The units, shape (L,), whole numbers; they come as real ones."""
        return waveform.long()

    def frames(self, samples: Sequence[int]) -> list[int]:
        """A unit lasts a frame at least."""
        return list(samples)

    def call(self, sources: Sequence[Tensor], prefixes: Sequence[Sequence[int]]) -> ModelOutput:  # noqa: ARG002
        """The waveform of one sequence of units, with their durations.

        Args:
            sources: One sequence, shape (L,).
            prefixes: Of no use: there is no decoder.
        """
        from transformers.utils import ModelOutput

        (units,) = sources
        device = self.model.device
        first = torch.tensor([[0]], device=device)
        with lasting(self.model, len(units)) as durations:
            waveform, samples = self.model(
                units.unsqueeze(0).to(device), spkr_id=first + SPEAKER, lang_id=first
            )
        return ModelOutput(waveform=waveform, durations=durations[0], samples=samples)

    def further_arguments(self, prefixes: Sequence[Sequence[int]]) -> Mapping[str, object]:  # noqa: ARG002
        """Nothing."""
        return {}

    def outputs(self, output: ModelOutput) -> Mapping[str, Tensor]:
        """`waveform`, shape (1, samples), `durations`, shape (1, L), and the number of samples."""
        return {name: tensor.cpu() for name, tensor in output.items()}
