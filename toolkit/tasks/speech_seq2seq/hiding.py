"""Keeps rows of the dictionary that are no pieces from being cut out of a text."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from math import floor

from toolkit.checkpoint.dictionary import SPECIAL_SYMBOLS
from toolkit.core.errors import BadInput
from toolkit.folder.contents import FolderContents
from toolkit.tasks.speech_seq2seq.pieces import BPE, UNIGRAM, Pieces, named
from toolkit.tasks.speech_seq2seq.special_tokens import tag_ids

_PLACEHOLDER = re.compile(r"<.+>|\[.+\]|madeupword\d+")
"""Rows that stand for no text."""


@dataclass(frozen=True, kw_only=True)
class Hiding:
    """How rows that are no pieces are kept from being cut out of a text.

    `tokenizers` would cut out any row that a text contains. Rows with a letter that no piece has
    are out of reach once that letter is replaced by another such letter: both are unknown. The
    others get a score so low that their letters one by one are better. The score of an unknown
    letter falls with it, which changes no choice where every letter of a piece is a piece: then an
    unknown letter stands where there is nothing else to choose.
    """

    letters: str
    """Letters that no piece has: one of every row that has such."""
    filler: str
    """A letter that neither a row nor a piece has."""
    lowest: float
    """The lowest score of a piece."""
    low: frozenset[str]
    """Rows that need a score lower than that."""

    def score(self, row: str) -> float:
        """What a row gets that is no piece."""
        # A whole number, which comes back from a file as it is.
        sunk = floor(len(row) * min(self.lowest, 0.0)) - 1.0
        return sunk if row in self.low else self.lowest


def hide_rows(contents: FolderContents, pieces: Pieces) -> Hiding:
    """How the rows that are no pieces of the model are hidden.

    Raises:
        BadInput: some cannot be.
    """
    symbols = contents.dictionary.symbols
    rows = {*symbols, *pieces.byte_pieces} - {"", *pieces.scores}
    special = {*SPECIAL_SYMBOLS, *(symbols[i] for i in tag_ids(contents))}
    _check_rows(sorted(rows - special), pieces)
    unknown = {next((letter for letter in row if letter not in pieces.letters), "") for row in rows}
    return Hiding(
        letters="".join(sorted(unknown)),
        filler=_filler(pieces.letters.union(*rows)),
        # Not lower without need: the score of an unknown letter follows the lowest score of all.
        lowest=min(pieces.scores.values()),
        low=frozenset(row for row in rows if _can_sink(row, pieces)),
    )


def _check_rows(rows: list[str], pieces: Pieces) -> None:
    if pieces.kind == BPE and not pieces.is_closed:
        raise BadInput(
            "The sentencepiece model must have a piece for every letter of its pieces, as every "
            "trained one has, but lacks some. Name the checkpoint's own model with `--spm`."
        )
    stuck = [row for row in rows if set(row) <= pieces.letters and not _can_sink(row, pieces)]
    if stuck and pieces.kind == UNIGRAM:
        raise BadInput(
            f"The dictionary must have rows that are pieces of the sentencepiece model, but has "
            f"{named(stuck)}, and the model lacks single letters of its pieces, so that no fast "
            "tokenizer cuts a text with these rows as fairseq does. Name the checkpoint's own "
            "model with `--spm`."
        )
    foreign = [row for row in rows if not set(row) & pieces.letters and not _is_placeholder(row)]
    if foreign:
        raise BadInput(
            f"The dictionary must have rows that are pieces of the sentencepiece model, but has "
            f"{named(foreign)}, whose letters that model does not know: fairseq finds them in a "
            "text, and no fast tokenizer does. Name the checkpoint's own model with `--spm`."
        )


def _can_sink(row: str, pieces: Pieces) -> bool:
    return pieces.is_closed and pieces.can_spell(row)


def _is_placeholder(row: str) -> bool:
    return _PLACEHOLDER.fullmatch(row) is not None


def _filler(taken: Set[str]) -> str:
    return next(chr(code) for code in (0xFFFD, *range(0xE000, 0xF900)) if chr(code) not in taken)
