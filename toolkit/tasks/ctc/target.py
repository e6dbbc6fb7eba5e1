"""A folder whose model gives every frame its logits: forward passes, letters, pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from toolkit.checkpoint.dictionary import BOS, SPECIAL_SYMBOLS
from toolkit.oracle.asking import Pass, ScoredTokens
from toolkit.oracle.search import Search
from toolkit.oracle.tasks.ctc import best_path
from toolkit.tasks.speech.layers import layers_of
from toolkit.tasks.speech.target import SpeechTarget

if TYPE_CHECKING:
    from transformers.utils import ModelOutput


SPECIAL = range(1, len(SPECIAL_SYMBOLS))
"""Rows that every dictionary begins with and that stand for no text; the first is the blank."""


class CtcTarget(SpeechTarget):
    """A converted CTC model, ready to be asked."""

    auto_class = "AutoModelForCTC"

    def further_arguments(self, prefixes: Sequence[Sequence[int]]) -> Mapping[str, object]:  # noqa: ARG002
        """What every layer gives is asked for."""
        return {"output_hidden_states": True}

    def outputs(self, output: ModelOutput) -> Mapping[str, Tensor]:
        """`logits` of shape (B, T, V), and `layers.k` of shape (B, T, D), k from 1."""
        return {"logits": output.logits.cpu(), **layers_of(output)}

    def search(
        self,
        source: Tensor,
        search: Search,  # noqa: ARG002
        tag: int | None,
        heard: Pass | None = None,
    ) -> list[ScoredTokens]:
        """The one hypothesis that a user gets: the best symbol of every frame, merged.

        Args:
            source: The network's input, shape (L,).
            search: Of no use: every frame has its best symbol.
            tag: The number of the language, where the model has several.
            heard: The pass over this input alone, in this language, if there was one.
        """
        given = () if tag is None else (tag,)
        made = heard or self.forward([source], [given], only=())
        return [best_path(made.logits[0], self.blank)]

    @property
    def blank(self) -> int:
        """The id that a user's tokenizer takes for a frame that says nothing."""
        said = self.tokenizer.pad_token_id
        return BOS if said is None else int(said)

    def text(self, tokens: Sequence[int], tag: int | None = None) -> str:  # noqa: ARG002
        """The symbols as the tokenizer reads them, those left out that stand for no text."""
        spoken = [token for token in tokens if token not in SPECIAL]
        return str(self.tokenizer.decode(spoken, group_tokens=False))

    def pipeline_text(self, waveform: Tensor, search: Search, tag: int | None) -> str:
        """What the pipeline says, without the symbols that stand for no text."""
        said = super().pipeline_text(waveform, search, tag)
        for symbol in self.tokenizer.convert_ids_to_tokens(list(SPECIAL)):
            said = said.replace(symbol, "")
        return said.strip()

    def pipeline_options(self, search: Search, tag: int | None) -> dict[str, object]:  # noqa: ARG002
        """None are needed."""
        return {}
