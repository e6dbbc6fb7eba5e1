"""Sentences as examples: one a line of a file, or with their translations in a table."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar

from toolkit.audio.clips import Clip, ClipFacts, ClipFile, golden_folder
from toolkit.checkpoint.plain_files import read_small
from toolkit.core.errors import BadInput, reason_of

GOLDEN = "sentences.toml"
MAX_TEXT_BYTES = 1 << 22
MAX_CHARACTERS = 1 << 12
"""Of a sentence: positions of most models end before."""
TABLE, TABBED = ".toml", ".tsv"
_KEYS = ("text", "name", "translation", "lang", "kind")
_TABLES = "`[[sentence]]` tables, each with the text `text` and with texts for everything else"


@dataclass(frozen=True, kw_only=True)
class Sentence(Clip):
    """A sentence, its characters in the place of samples: each is its number in Unicode.

    `transcript` is its translation, where somebody wrote one; `lang` the language to write it in.
    """

    samples_a_second: ClassVar[int] = 0

    @property
    def text(self) -> str:
        """The sentence."""
        return "".join(chr(int(number)) for number in self.waveform)

    def excerpt(self, samples: int) -> Clip:
        """Its first words, of so many characters at most, as a sentence of its own."""
        text = self.text[:samples]
        cut = text if len(text) == len(self.text) else text.rpartition(" ")[0] or text
        return make_sentence(cut, ClipFacts(name=f"{self.name}/…", lang=self.lang, kind="probe"))


@dataclass(frozen=True, kw_only=True)
class SentenceFile(ClipFile):
    """A sentence of a file, which is read already: it is small."""

    text: str

    def read(self) -> Clip:
        """The sentence."""
        return make_sentence(self.text, self)


def make_sentence(text: str, facts: ClipFacts) -> Sentence:
    """A sentence.

    Args:
        text: What it says.
        facts: What is told of it beside.
    """
    import numpy as np

    numbers = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    told = {field.name: getattr(facts, field.name) for field in fields(ClipFacts)}
    return Sentence(**told, waveform=numbers.astype(np.float32))


def find_sentences(paths: Sequence[Path]) -> Iterator[SentenceFile]:
    """The sentences in files: `.toml` of tables, `.tsv` with translations, or one a line.

    Args:
        paths: Files; none means the golden sentences.

    Raises:
        BadInput: a file cannot be read, or holds no sentences.
    """
    for path in paths or [golden_folder() / GOLDEN]:
        content = _read(path)
        found = list(
            _in_tables(path, content) if path.suffix == TABLE else _in_lines(path, content)
        )
        if not found:
            raise BadInput(f"`{path}` must hold sentences, but holds none. Name another file.")
        yield from map(_checked, found)


def _read(path: Path) -> str:
    try:
        return read_small(path, max_bytes=MAX_TEXT_BYTES).decode("utf-8")
    except (OSError, ValueError) as error:
        raise BadInput(
            f"`{path}` must be a file of sentences in UTF-8, but {reason_of(error)}. "
            "Name the right file with `--text`."
        ) from error


def _in_lines(path: Path, content: str) -> Iterator[SentenceFile]:
    for number, line in enumerate(content.replace("\r\n", "\n").split("\n"), start=1):
        text, _, translation = line.partition("\t") if path.suffix == TABBED else (line, "", "")
        if text.strip():
            yield SentenceFile(
                name=f"{path.stem}:{number}", path=path, text=text, transcript=translation or None
            )


def _in_tables(path: Path, content: str) -> Iterator[SentenceFile]:
    for number, entry in enumerate(_tables(path, content), start=1):
        yield SentenceFile(
            name=entry.get("name", f"{path.stem}:{number}"),
            path=path,
            text=entry["text"],
            transcript=entry.get("translation"),
            lang=entry.get("lang"),
            kind=entry.get("kind", "speech"),
        )


def _tables(path: Path, content: str) -> list[dict[str, str]]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        entries = tomllib.loads(content).get("sentence")
    except (ValueError, RecursionError) as error:
        raise BadInput(f"`{path}` must be TOML with {_TABLES}, but {error}. Correct it.") from error
    if not isinstance(entries, list) or not all(map(_is_entry, entries)):
        raise BadInput(f"`{path}` must have {_TABLES}, but has none or others. Correct it.")
    return entries


def _is_entry(entry: object) -> bool:
    if not isinstance(entry, dict) or "text" not in entry:
        return False
    return all(isinstance(entry[key], str) for key in _KEYS if key in entry)


def _checked(sentence: SentenceFile) -> SentenceFile:
    if not 0 < len(sentence.text) <= MAX_CHARACTERS:
        raise BadInput(
            f"`{sentence.name}` in `{sentence.path}` must have 1 to {MAX_CHARACTERS} characters, "
            f"but has {len(sentence.text)}. Cut it."
        )
    return sentence
