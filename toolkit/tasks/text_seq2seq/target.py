"""A folder that reads texts: ids, forward passes, search, text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from toolkit.oracle.pages import let_go
from toolkit.oracle.search import Search
from toolkit.oracle.texts import text_of
from toolkit.replay.target import quiet_transformers
from toolkit.tasks.speech_seq2seq.target import Seq2SeqTarget

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, SequenceFeatureExtractor


class TextTarget(Seq2SeqTarget):
    """A converted model of texts, ready to be asked."""

    auto_class = "AutoModelForSeq2SeqLM"
    framing = ((r"(.*\.)?encoder\.embed_tokens", 1),)

    def _take_processor(self, place: Path) -> None:
        """The tokenizer of the view, or why there is none."""
        import transformers

        self.tokenizer = self.view.tokenizer or transformers.AutoTokenizer.from_pretrained(
            place, trust_remote_code=True
        )

    @property
    def saved_beside(self) -> tuple[SequenceFeatureExtractor | PreTrainedTokenizerBase, ...]:
        """What users save beside the model."""
        return (self.tokenizer,)

    @property
    def input_name(self) -> str:
        """What the model calls its input."""
        return "input_ids"

    @property
    def nothing(self) -> float:
        """The token that pads a batch."""
        return float(self.model.config.pad_token_id or 0)

    def front_end(self, waveform: Tensor) -> Tensor:
        """The ids of a text, shape (S,).

        Args:
            waveform: Its characters by their numbers, shape (L,).
        """
        return torch.tensor(self.tokenizer(text_of(waveform)).input_ids, dtype=torch.long)

    def pipeline_text(self, waveform: Tensor, search: Search, tag: int | None) -> str:
        """What the folder writes of a text through transformers' own `generate`, greedily."""
        let_go()
        given = self.tokenizer(text_of(waveform), return_tensors="pt").to(self.model.device)
        options = self.pipeline_options(search, tag)["generate_kwargs"]
        with torch.no_grad(), quiet_transformers():
            written = self.model.generate(**given, **options)  # type: ignore[arg-type]
        return self.text(written[0].tolist())
