"""A CTC folder with weights and letters for each language: one model, told which to speak."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from torch import Tensor

from toolkit.oracle.asking import Pass, ScoredTokens, language_in
from toolkit.oracle.search import Search
from toolkit.oracle.tasks.ctc.voices import put_weights
from toolkit.replay.target import quiet_transformers
from toolkit.tasks.ctc.target import CtcTarget

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

M = TypeVar("M", bound="MultilingualTarget")


class MultilingualTarget(CtcTarget):
    """A converted CTC model of several languages, ready to be asked in any.

    It speaks the first as it was loaded, and each other one as users make it: `load_adapter` for
    the weights, `set_target_lang` for the letters.
    """

    def __init__(
        self,
        folder: Path,
        *,
        languages: tuple[str, ...],
        first: str,
        lenient: bool = False,
        vetted: bool = False,
        device: str = "cpu",
    ) -> None:
        """Loads the folder; see `toolkit.replay.target.Target`.

        Args:
            folder: The folder.
            languages: The languages in the order of their numbers.
            first: The one that the folder speaks before it is told another.
            lenient: Load the model alone.
            vetted: The folder was written a moment ago, of what was admitted before.
            device: Where the model runs.
        """
        super().__init__(folder, lenient=lenient, vetted=vetted, device=device)
        self._languages, self._first, self._spoken = languages, first, first
        self._weights: dict[str, Tensor] = {}
        """The first language's, as they were loaded."""

    def reopened(self: M, folder: Path) -> M:
        """Another folder of the same languages."""
        return type(self)(
            folder,
            languages=self._languages,
            first=self._first,
            vetted=True,
            device=str(self.model.device),
        )

    def make_ready(self, prefixes: Sequence[Sequence[int]]) -> None:
        """Makes the model speak the language that the rows are given.

        Raises:
            RuntimeError: transformers cannot load its weights.
        """
        tag = language_in(prefixes)
        self._speak(self._first if tag is None else self._languages[tag])

    def forward(
        self,
        sources: Sequence[Tensor],
        prefixes: Sequence[Sequence[int]],
        *,
        double: bool = False,
        explicit: bool = False,
        only: Collection[str] | None = None,
    ) -> Pass:
        """One pass over a batch of one language; a prefix is its number."""
        self.make_ready(prefixes)
        return super().forward(sources, prefixes, double=double, explicit=explicit, only=only)

    def search(
        self, source: Tensor, search: Search, tag: int | None, heard: Pass | None = None
    ) -> list[ScoredTokens]:
        """The one hypothesis that a user gets in a language."""
        with self._reading(tag):
            return super().search(source, search, tag, heard)

    def text(self, tokens: Sequence[int], tag: int | None = None) -> str:
        """The symbols as the tokenizer reads them in a language."""
        with self._reading(tag):
            return super().text(tokens, tag)

    def pipeline_text(self, waveform: Tensor, search: Search, tag: int | None) -> str:
        """What the pipeline says in a language."""
        self.make_ready([()] if tag is None else [(tag,)])
        with self._reading(tag):
            self._recognize.tokenizer = self.tokenizer
            return super().pipeline_text(waveform, search, tag)

    def _speak(self, language: str) -> None:
        if language == self._spoken:
            return
        self._spoken = ""
        if not self._weights:
            own = self.model._get_adapters()
            self._weights = {name: tensor.detach().clone() for name, tensor in own.items()}
        # transformers fills in place what it finds.
        put_weights(self.model, {name: tensor.clone() for name, tensor in self._weights.items()})
        self.model.config.vocab_size = len(self._weights["lm_head.weight"])
        if language != self._first:
            self._load(language)
        self._spoken = language

    def _load(self, language: str) -> None:
        self.model.config._name_or_path = str(self.view.path)
        try:
            with quiet_transformers():
                self.model.load_adapter(language, local_files_only=True, use_safetensors=True)
        except Exception as error:  # whatever a file makes it raise
            said = " ".join(str(error).split())[:200]
            raise RuntimeError(f"`load_adapter({language!r})` fails: {said}") from error
        self.model.eval()

    @contextmanager
    def _reading(self, tag: int | None) -> Iterator[None]:
        """The tokenizer set to a language while the context lasts."""
        before = self.tokenizer
        try:
            self.tokenizer = self._tokenizer_of(tag)
            yield
        finally:
            self.tokenizer = before

    def _tokenizer_of(self, tag: int | None) -> PreTrainedTokenizerBase:
        language = self._first if tag is None else self._languages[tag]
        if language == self._first:
            return self.tokenizer
        shared: Mapping[str, object] = self.tokenizer.vocab
        told = copy.deepcopy(self.tokenizer, {id(shared): shared})
        told.set_target_lang(language)
        return told
