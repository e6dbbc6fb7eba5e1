"""What a fast tokenizer does to a text before it looks for pieces: what fairseq does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from toolkit.core.errors import BadInput
from toolkit.folder.contents import FolderContents
from toolkit.tasks.speech_seq2seq.hiding import Hiding
from toolkit.tasks.speech_seq2seq.pieces import Pieces, charsmap_steps, named

if TYPE_CHECKING:
    from tokenizers.decoders import Decoder
    from tokenizers.normalizers import Normalizer
    from tokenizers.pre_tokenizers import PreTokenizer

SPACE = "\u2581"
WHITESPACE = r"[\s\x1c-\x1f]"
"""What Python's `str.split` and `str.strip` count as space."""
BEFORE, AFTER = r"\A +", rf"{SPACE}+\z"
"""Spaces before a text, and marks of spaces behind it."""


def check_pieces(pieces: Pieces) -> None:
    """Refuses pieces that fairseq cuts again, or that sentencepiece shields from normalization."""
    crossing = list(_crossing(pieces))
    if crossing:
        raise BadInput(
            "The sentencepiece model must have pieces without tabs, line ends and wide spaces, "
            f"but has {named(crossing)}, which fairseq cuts again and no fast tokenizer does. Use "
            "a checkpoint that was trained with another model."
        )
    plain = normalizer_of(pieces, None)
    prefix = SPACE if pieces.add_dummy_prefix else ""
    changed = [p for p in pieces.user_defined if plain.normalize_str(p) != prefix + p or SPACE in p]
    if changed:
        raise BadInput(
            "The sentencepiece model must have user-defined pieces that its normalization leaves "
            f"as they are, but has {named(changed)}, which no fast tokenizer treats alike. Use a "
            "checkpoint that was trained with another model."
        )


def _crossing(pieces: Pieces) -> Iterator[str]:
    """Pieces that hold letters beside what fairseq takes for space.

    One that holds a mark beside it does no harm where marks begin words: fairseq keeps the mark,
    and so does a text without such a piece.
    """
    lost = str.maketrans("", "", pieces.dropped)
    begins = all(SPACE not in piece[1:] for piece in pieces.scores)
    for piece in pieces.scores:
        kept = piece.translate(lost)
        if kept not in ("", piece) and not (begins and kept == SPACE):
            yield piece


def normalizer_of(pieces: Pieces, hiding: Hiding | None) -> Normalizer:
    """What is done to a text first; without what hides rows, where that is not given."""
    from tokenizers import Regex, normalizers

    steps = list(charsmap_steps(pieces))
    if pieces.remove_extra_whitespaces:
        # Not `Strip`, which takes away what is no space to sentencepiece.
        steps.append(normalizers.Replace(Regex(BEFORE), ""))
        steps.append(normalizers.Replace(Regex(" {2,}"), " "))
    steps.append(normalizers.Replace(" ", SPACE))
    if pieces.add_dummy_prefix:
        # `Metaspace` would leave out the mark before a text that begins with one.
        steps.append(normalizers.Prepend(SPACE))
    if pieces.remove_extra_whitespaces:
        # Marks of the text itself included.
        steps.append(normalizers.Replace(Regex(AFTER), ""))
    if hiding is not None and hiding.letters and not pieces.byte_pieces:
        steps.append(normalizers.Replace(Regex(_any_of(hiding.letters)), hiding.filler))
    return normalizers.Sequence(steps)


def cuts_of(pieces: Pieces, hiding: Hiding) -> Iterator[PreTokenizer]:
    """Where a prepared text is cut before anything else: at letters that no piece crosses."""
    from tokenizers import Regex, pre_tokenizers

    if pieces.dropped:
        # As `fairseq.tokenizer.tokenize_line`, which finds them between pieces and in unknown ones.
        yield pre_tokenizers.Split(Regex(f"{_any_of(pieces.dropped)}+"), "removed")
    if hiding.letters and pieces.byte_pieces:
        # Another such letter would fall back to other bytes.
        yield pre_tokenizers.Split(Regex(_any_of(hiding.letters)), "isolated")


def decoder_of(contents: FolderContents, mark: str) -> Decoder:
    """What makes a text of symbols: spaces for the marks, none at either end."""
    from tokenizers import Regex, decoders

    spaced = any(map(str.isspace, "".join(contents.dictionary.symbols)))
    ends = rf"\A{WHITESPACE}+|{WHITESPACE}+\z" if spaced else "^ +| +$"
    return decoders.Sequence(
        [decoders.Replace(mark, " "), decoders.Fuse(), decoders.Replace(Regex(ends), "")]
    )


def _any_of(letters: str) -> str:
    return "[" + "".join(rf"\x{{{ord(letter):X}}}" for letter in letters) + "]"
