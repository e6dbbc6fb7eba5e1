"""What fairseq's models without a decoder have in common as references."""

from __future__ import annotations

from typing import Collection, List, Optional, Sequence, Tuple

import torch
from torch import Tensor, nn

from toolkit.oracle.asking import Pass, ScoredTokens
from toolkit.oracle.hooks import Calls
from toolkit.oracle.reference import ask_again, standardized
from toolkit.oracle.search import Search


class EncoderReference:
    """A fairseq model that nothing but sound goes into."""

    def __init__(self, model: nn.Module, *, normalize: bool) -> None:
        """Takes a model in evaluation mode.

        Args:
            model: The model under the names of the checkpoint.
            normalize: Whether the sound is standardized before the model hears it.
        """
        self.model = model
        self.normalize = normalize

    @property
    def device(self) -> torch.device:
        """Where the model runs. What it is given and what it returns lies in memory."""
        return next(self.model.parameters()).device

    @property
    def start_token(self) -> None:
        """There is no decoder that a token could start."""

    def front_end(self, waveform: Tensor) -> Tensor:
        """The network's input for a waveform, as fairseq's dataset makes it.

        Args:
            waveform: Shape (L,), 16 kHz mono, full scale 1.0.

        Returns:
            Shape (L,), standardized where the task says so.
        """
        return standardized(waveform) if self.normalize else waveform

    def again(
        self,
        sources: Sequence[Tensor],  # noqa: ARG002
        prefixes: Sequence[Sequence[int]],  # noqa: ARG002
        *,
        heard: Pass,
        only: Collection[str],
    ) -> Calls:
        """What some modules make in float64 of what they are given; see `Reference.again`."""
        return ask_again(self.model, heard.calls, only)


class WordlessReference(EncoderReference):
    """A fairseq model that says nothing: it has no words."""

    def search(
        self,
        source: Tensor,  # noqa: ARG002
        search: Search,  # noqa: ARG002
        tag: Optional[int] = None,  # noqa: ARG002
        heard: Optional[Pass] = None,  # noqa: ARG002
    ) -> List[ScoredTokens]:
        """Nothing: there is no hypothesis."""
        return []

    def text(self, tokens: Sequence[int], tag: Optional[int] = None) -> str:  # noqa: ARG002
        """Nothing."""
        return ""

    def encode(self, text: str) -> Tuple[int, ...]:  # noqa: ARG002
        """Nothing."""
        return ()
