"""A vocabulary in sections, one for each language, against the rows of the dictionaries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from toolkit.compare.differences import Difference
from toolkit.core.measures import Level
from toolkit.folder.contents import FolderContents
from toolkit.oracle.asking import AnyReference
from toolkit.tasks.ctc.letters import LANGUAGE, VOCAB, language_setting, letters_of
from toolkit.tasks.ctc.vocabulary import CONFIG, ROWS_FIX, Letters, expect_letters

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, kw_only=True)
class Sections:
    """What the checkpoint implies of a tokenizer of several languages."""

    first: str
    letters: Letters
    """Those of the language that is spoken first."""
    others: Mapping[str, tuple[str, ...]]
    """The tokens of the other languages, by id."""
    said_by: str = "the rows of the dictionaries"
    file: str = VOCAB

    def compare(self, tokenizer: PreTrainedTokenizerBase | None) -> tuple[Difference, ...]:
        """Everything that differs, each cause once; the rows of all languages are one."""
        found = self.letters.compare(tokenizer)
        if tokenizer is None:
            return found
        if not _has_sections(tokenizer):
            return (self._without_sections(), *(d for d in found if d.keys != (VOCAB,)))
        is_first = getattr(tokenizer, LANGUAGE, None) == self.first
        held = self.others if is_first else {self.first: self.letters.tokens, **self.others}
        sections = tuple(self._wrong_sections(held, getattr(tokenizer, "vocab", None)))
        rows = [d for d in found if d.keys == (VOCAB,)]
        # Of another language's section nothing can be said in the first one's.
        told = [said for d in rows for said in d.wrong] if is_first else []
        own = tuple(f"{self.first}: {said}" for said in told)
        merged = replace(_ROWS, wrong=(*own, *sections))
        others = [difference for difference in found if difference not in rows]
        return (*((merged,) if merged.wrong else ()), *others, *self._wrong_language(tokenizer))

    def judge(self, differences: Sequence[Difference]) -> Level:
        """The level that these differences make; it passes exactly if there are none."""
        level = self.letters.judge(differences)
        further = sum(map(len, self.others.values()))
        rows = replace(level.measures[0], compared=level.measures[0].compared + further)
        summary = f"{level.summary}; {further} ids of {len(self.others)} more languages"
        return replace(level, measures=(rows, *level.measures[1:]), summary=summary)

    def maybe_cut(self, tokenizer: PreTrainedTokenizerBase) -> object:
        """Labels of letters are never cut by a length that a call left behind."""
        return self.letters.maybe_cut(tokenizer)

    def _without_sections(self) -> Difference:
        """The letters of one language are one cause, whichever language the folder names."""
        languages = ", ".join((self.first, *self.others))
        told = f"set `{CONFIG}.{LANGUAGE}` to {self.first!r}"
        return replace(
            _ROWS,
            keys=(VOCAB, f"{CONFIG}.{LANGUAGE}"),
            wrong=(f"it has the letters of one language, and no section for {languages}",),
            fix=f"give each language a section; {ROWS_FIX}; {told}",
        )

    def _wrong_sections(
        self, expected: Mapping[str, tuple[str, ...]], vocabulary: object
    ) -> Iterator[str]:
        held = vocabulary if isinstance(vocabulary, Mapping) else {}
        for language, tokens in expected.items():
            section = held.get(language)
            if not isinstance(section, Mapping):
                yield f"{language}: it has no section"
            else:
                yield from (f"{language}: {said}" for said in _wrong_rows(tokens, section))
        known = {self.first, *self.others}
        for name, section in held.items():
            if isinstance(section, Mapping) and name not in known:
                yield f"{name}: the checkpoint has no such language"

    def _wrong_language(self, tokenizer: PreTrainedTokenizerBase) -> Iterator[Difference]:
        said = getattr(tokenizer, LANGUAGE, None)
        if said != self.first:
            yield Difference(
                aspect="settings",
                keys=(f"{CONFIG}.{LANGUAGE}",),
                wrong=(f"{said!r}, not {self.first!r}",),
                said_by="the weights of the model",
                fix=f"set `{CONFIG}.{LANGUAGE}` to {self.first!r}",
            )


def _has_sections(tokenizer: PreTrainedTokenizerBase) -> bool:
    held = getattr(tokenizer, "vocab", None)
    return isinstance(held, Mapping) and any(isinstance(s, Mapping) for s in held.values())


_ROWS = Difference(aspect="rows", keys=(VOCAB,), wrong=(), fix=ROWS_FIX)


def expect_sections(
    contents: FolderContents, reference: AnyReference, texts: Iterable[str]
) -> Sections:
    """What the checkpoint implies, with fairseq's answers on texts in the first language.

    Raises:
        BadInput: a symbol stands twice in a dictionary.
    """
    spoken = contents.spoken
    assert spoken is not None, "a folder of one language has no sections"
    return Sections(
        first=str(language_setting(contents)[LANGUAGE]),
        letters=expect_letters(contents, reference, texts),
        others={
            language: letters_of(dictionary)
            for language, dictionary in spoken.dictionaries.items()
            if language != spoken.first
        },
    )


def _wrong_rows(tokens: Sequence[str], section: Mapping[str, object]) -> Iterator[str]:
    found = {row: token for token, row in section.items()}
    for row, token in enumerate(tokens):
        if section.get(token) != row:
            actual = found.get(row)
            yield f"{row}: {token!r} " + ("is missing" if actual is None else f"became {actual!r}")
    more = sorted(set(section) - set(tokens))
    if more:
        yield f"{len(more)} more than symbols: {', '.join(map(repr, more[:5]))}"
