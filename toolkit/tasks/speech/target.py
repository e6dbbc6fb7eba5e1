"""A folder that hears speech, and one that says what was spoken."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

from torch import Tensor

from toolkit.oracle.asking import Pass, ScoredTokens
from toolkit.oracle.pages import let_go
from toolkit.oracle.search import Search
from toolkit.replay.target import Target, quiet_transformers


class HearingTarget(Target):
    """A converted model of speech, ready to be asked."""

    framing: ClassVar[tuple[tuple[str, int], ...]] = (
        (r"(.*\.)?feature_extractor", -1),
        (r"(.*\.)?conv_layers\.\d+", -1),
    )

    def frames(self, samples: Sequence[int]) -> list[int]:
        """How many frames the folder's model counts for inputs of these lengths in samples."""
        import torch

        lengths = self.model._get_feat_extract_output_lengths(torch.tensor(samples))
        return [int(length) for length in lengths]


class SpeechTarget(HearingTarget):
    """A converted model of speech, ready to be asked for words."""

    @abstractmethod
    def search(
        self, source: Tensor, search: Search, tag: int | None, heard: Pass | None = None
    ) -> list[ScoredTokens]:
        """The hypotheses that a user gets for one input of shape (L,), best first.

        Args:
            source: The network's input.
            search: How to search; all but the beam is the folder's own.
            tag: Token id of the language to decode into; None where the folder forces none.
            heard: A pass over that very input, if there was one: a search need not make it again.
        """

    @abstractmethod
    def text(self, tokens: Sequence[int], tag: int | None = None) -> str:
        """The tokens as the text that a user gets; see `toolkit.oracle.asking.AnyReference`."""

    def pipeline_text(self, waveform: Tensor, search: Search, tag: int | None) -> str:
        """What the folder says to a waveform through the ASR pipeline, searched greedily."""
        let_go()
        heard = {"raw": waveform.numpy(), "sampling_rate": self.feature_extractor.sampling_rate}
        with quiet_transformers():
            return str(self._recognize(heard, **self.pipeline_options(search, tag))["text"])

    @abstractmethod
    def pipeline_options(self, search: Search, tag: int | None) -> dict[str, Any]:
        """What a user tells the pipeline for a greedy search."""

    @cached_property
    def _recognize(self) -> Any:
        import transformers

        return transformers.pipeline(
            "automatic-speech-recognition",
            model=self.model,
            feature_extractor=self.feature_extractor,
            tokenizer=self.tokenizer,
            device=self.model.device,
        )
