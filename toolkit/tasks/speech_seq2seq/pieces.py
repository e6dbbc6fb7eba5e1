"""The pieces of a sentencepiece model, and how it prepares text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.checkpoint.dictionary import Dictionary
from toolkit.checkpoint.plain_files import read_small
from toolkit.core.errors import BadInput

if TYPE_CHECKING:
    from sentencepiece.sentencepiece_model_pb2 import ModelProto
    from tokenizers.normalizers import Normalizer

UNIGRAM, BPE, CHAR = 1, 2, 4
"""`TrainerSpec.ModelType` of the sentencepiece models that are known here."""
MAX_MODEL_BYTES = 1 << 28
"""Of a sentencepiece model; those of a million pieces have some 20 MB."""
KINDS = {UNIGRAM: "unigram", BPE: "bpe", 3: "word", CHAR: "char"}
NORMAL, USER_DEFINED, UNUSED, BYTE = 1, 4, 5, 6
"""`SentencePiece.Type`; the others, `<unk>` and control symbols, are no part of any text."""
NFKC_RULES = ("nfkc", "nmt_nfkc", "nfkc_cf", "nmt_nfkc_cf")
STRAY_SPACES = tuple(chr(code) for code in range(0x3001) if chr(code).isspace() and code != 0x20)
"""Python's spaces but the space itself; fairseq splits a line of pieces at them too."""


@dataclass(frozen=True, kw_only=True)
class Pieces:
    """What a sentencepiece model says."""

    kind: int
    scores: Mapping[str, float]
    """Scores of the pieces that a text is cut into, bytes excepted."""
    user_defined: tuple[str, ...]
    byte_pieces: tuple[str, ...]
    """What letters without a piece fall back to, such as `<0xE6>`; empty where they do not."""
    charsmap: bytes
    rule_name: str
    """What sentencepiece calls the rules in `charsmap`."""
    add_dummy_prefix: bool
    remove_extra_whitespaces: bool

    @cached_property
    def letters(self) -> frozenset[str]:
        """Letters that occur in any piece."""
        return frozenset().union(*self.scores)

    @cached_property
    def is_closed(self) -> bool:
        """Whether every letter of a piece is a piece, as in every model that a trainer made."""
        own = self.scores.keys() - set(self.user_defined)
        return self.can_spell(frozenset().union(*own))

    def can_spell(self, text: Iterable[str]) -> bool:
        """Whether every letter of a text is a piece."""
        return self._single.issuperset(text)

    @cached_property
    def dropped(self) -> str:
        """Letters of prepared text that count as space, at which fairseq cuts and loses them."""
        from tokenizers import normalizers

        charsmap = normalizers.Sequence(list(charsmap_steps(self)))
        prepared = "".join(map(charsmap.normalize_str, STRAY_SPACES))
        falls_back = bool(self.byte_pieces)
        return "".join(
            space
            for space in STRAY_SPACES
            if space in prepared and (not falls_back or space in self.scores)
        )

    @cached_property
    def _single(self) -> frozenset[str]:
        return frozenset(piece for piece in self.scores if len(piece) == 1)


def read_pieces(path: Path) -> Pieces:
    """The pieces of a sentencepiece model and how it prepares text.

    Raises:
        BadInput: the file is no such model, or one that no fast tokenizer can follow.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise _no_model(path, error) from error
    # A conversion asks twice, and a large model takes a while.
    return _read_pieces(path, (status.st_ino, status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=1)
def _read_pieces(path: Path, _stamp: tuple[int, int, int]) -> Pieces:
    from google.protobuf.message import DecodeError
    from sentencepiece import sentencepiece_model_pb2

    model = sentencepiece_model_pb2.ModelProto()
    try:
        model.ParseFromString(read_small(path, max_bytes=MAX_MODEL_BYTES))
    except (OSError, ValueError, DecodeError) as error:
        raise _no_model(path, error) from error
    kind = model.trainer_spec.model_type
    if not model.pieces or kind not in (UNIGRAM, BPE, CHAR):
        raise BadInput(
            f"`{path}` must be a sentencepiece model of the unigram, bpe or char kind with pieces, "
            f"but is of kind {KINDS.get(kind, kind)} with {len(model.pieces)}. Name the right file "
            "with `--spm`."
        )
    refused = list(_refused_settings(model))
    if refused:
        raise BadInput(
            f"`{path}` must be a sentencepiece model that a fast tokenizer can follow exactly, but "
            f"{' and '.join(refused)}. Use a checkpoint that was trained with another model."
        )
    return _pieces(model)


def _no_model(path: Path, error: Exception) -> BadInput:
    return BadInput(
        f"`{path}` must be a sentencepiece model, but {error}. Name the right file with `--spm`."
    )


def _refused_settings(model: ModelProto) -> Iterator[str]:
    trainer, normalizer = model.trainer_spec, model.normalizer_spec
    if trainer.treat_whitespace_as_suffix:
        yield "it writes spaces behind words (`treat_whitespace_as_suffix`)"
    if not normalizer.escape_whitespaces:
        yield "it leaves spaces as they are (`escape_whitespaces: false`)"
    types = {piece.type for piece in model.pieces}
    if trainer.model_type in (BPE, CHAR) and types & {USER_DEFINED, UNUSED}:
        kind = KINDS[trainer.model_type]
        yield f"it is of the {kind} kind with user-defined or unused pieces"


def _pieces(model: ModelProto) -> Pieces:
    kind = model.trainer_spec.model_type
    normal = {
        piece.piece: piece.score
        for piece in model.pieces
        # A model of characters looks at one at a time.
        if piece.type == NORMAL and (kind != CHAR or len(piece.piece) == 1)
    }
    chosen = [piece.piece for piece in model.pieces if piece.type == USER_DEFINED]
    best = max(normal.values(), default=0.0)
    # As `unigram::Model::EncodeOptimized`: these win over anything that they could be cut into.
    bonus = {piece: round(len(piece.encode()) * best - 0.1, 3) for piece in chosen}
    falls_back = model.trainer_spec.byte_fallback
    return Pieces(
        kind=kind,
        scores={**normal, **bonus},
        user_defined=tuple(chosen),
        byte_pieces=tuple(p.piece for p in model.pieces if p.type == BYTE and falls_back),
        rule_name=model.normalizer_spec.name,
        charsmap=model.normalizer_spec.precompiled_charsmap,
        add_dummy_prefix=model.normalizer_spec.add_dummy_prefix,
        remove_extra_whitespaces=model.normalizer_spec.remove_extra_whitespaces,
    )


def charsmap_steps(pieces: Pieces) -> Iterator[Normalizer]:
    """What the model's own table does to a text."""
    from tokenizers import normalizers

    if pieces.charsmap:
        if pieces.rule_name in NFKC_RULES:
            # `Precompiled` loses what combines with a letter in decomposed text.
            yield normalizers.NFC()
        yield normalizers.Precompiled(pieces.charsmap)


def missing_rows(pieces: Pieces, dictionary: Dictionary) -> tuple[str, ...]:
    """The pieces that the dictionary has no row for."""
    rows = set(dictionary.symbols)
    return tuple(p for p in (*pieces.scores, *pieces.byte_pieces) if p not in rows)


def named(symbols: list[str], shown: int = 5) -> str:
    """Symbols in words: the first few, and how many more there are."""
    more = f" and {len(symbols) - shown} more" if len(symbols) > shown else ""
    return ", ".join(map(repr, symbols[:shown])) + more
