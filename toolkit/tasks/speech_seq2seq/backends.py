"""Tokenizers of the `tokenizers` library: their rows, models and all that stands around them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from toolkit.checkpoint.dictionary import SPECIAL_SYMBOLS, UNK
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonDict
from toolkit.folder.contents import FolderContents
from toolkit.tasks.speech_seq2seq.hiding import Hiding, hide_rows
from toolkit.tasks.speech_seq2seq.pieces import BPE, Pieces, named
from toolkit.tasks.speech_seq2seq.special_tokens import add_special_tokens, special_symbols
from toolkit.tasks.speech_seq2seq.spelling import spell
from toolkit.tasks.speech_seq2seq.text_steps import (
    SPACE,
    WHITESPACE,
    check_pieces,
    cuts_of,
    decoder_of,
    normalizer_of,
)

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from tokenizers.models import Model


def word_backend(contents: FolderContents) -> Tokenizer:
    """One whose symbols are words, or letters."""
    return _around_symbols(_row_ids(contents, ()), contents)


def piece_backend(contents: FolderContents, pieces: Pieces, missing: tuple[str, ...]) -> Tokenizer:
    """One that cuts words into the pieces of a model; those that are missing come last."""
    hiding = hide_rows(contents, pieces)
    check_pieces(pieces)
    make_model = _bpe_model if pieces.kind == BPE else _unigram_model
    return _around(make_model(contents, pieces, missing, hiding), contents, pieces, hiding)


def small_backend(contents: FolderContents, pieces: Pieces | None) -> Tokenizer:
    """The tokenizer with no other rows than its special tokens."""
    from tokenizers import models

    special = special_symbols(contents)
    rows = {symbol: i for i, symbol in enumerate(special)}
    if pieces is None:
        return _around_symbols(rows, contents)
    if pieces.kind == BPE:
        model = _merging_model(pieces, rows, [])
    else:
        falls_back = bool(pieces.byte_pieces)
        model = models.Unigram(
            [(symbol, 0.0) for symbol in special],
            unk_id=special.index(SPECIAL_SYMBOLS[UNK]),
            byte_fallback=falls_back,
        )
    return _around(model, contents, pieces, hide_rows(contents, pieces))


def unigram_scores(
    contents: FolderContents, pieces: Pieces, missing: tuple[str, ...], hiding: Hiding
) -> Iterator[float]:
    """The score of every row, in their order; a row that is no piece gets one that hides it."""
    for row in (*contents.dictionary.symbols, *missing):
        score = pieces.scores.get(row)
        yield hiding.score(row) if score is None else score


def describe_unigram(contents: FolderContents, pieces: Pieces) -> JsonDict:
    """What `tokenizer.json` says of a unigram tokenizer, without its rows."""
    described = json.loads(small_backend(contents, pieces).to_str())
    special = special_symbols(contents)
    ids = {symbol: contents.dictionary.index(symbol) for symbol in special}
    added = [{**token, "id": ids[token["content"]]} for token in described["added_tokens"]]
    described["added_tokens"] = sorted(added, key=lambda token: token["id"])
    described["model"] = {
        "type": "Unigram",
        "unk_id": UNK,
        "vocab": [],
        "byte_fallback": bool(pieces.byte_pieces),
    }
    return dict(described)


def merges_of(pieces: Pieces) -> Iterator[tuple[str, str]]:
    """Every way to put a piece together from two others, best piece first.

    sentencepiece gives all ways to make one piece the same rank, and takes the leftmost; here each
    has its own rank. Two ways can overlap, as `ab|a` and `a|ba` in `ab a ba`: the one whose second
    part also begins the piece stands on the left, so it comes first.
    """
    for piece in sorted(pieces.scores, key=lambda piece: -pieces.scores[piece]):
        cuts = [i for i in range(1, len(piece)) if _is_cut(piece, i, pieces.scores)]
        for cut in sorted(cuts, key=lambda i: not piece.startswith(piece[i:])):
            yield piece[:cut], piece[cut:]


def _around_symbols(rows: dict[str, int], contents: FolderContents) -> Tokenizer:
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel(rows, unk_token=SPECIAL_SYMBOLS[UNK]))
    if contents.is_spelled:
        spell(tokenizer, contents)
    else:
        # As `fairseq.tokenizer.tokenize_line`. Without a decoder, symbols are joined by spaces.
        tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(f"{WHITESPACE}+"), "removed")
    add_special_tokens(tokenizer, contents)
    return tokenizer


def _row_ids(contents: FolderContents, missing: tuple[str, ...]) -> dict[str, int]:
    symbols = contents.dictionary.symbols
    repeated = [symbols[i] for i in contents.dictionary.shadowed]
    if repeated:
        raise BadInput(
            f"The dictionary must have every symbol once, but repeats {named(repeated)}. A "
            "tokenizer of transformers can have a symbol twice for a sentencepiece model of the "
            "unigram kind only."
        )
    return {symbol: i for i, symbol in enumerate((*symbols, *missing))}


def _around(model: Model, contents: FolderContents, pieces: Pieces, hiding: Hiding) -> Tokenizer:
    """A tokenizer with everything that a model of the pieces needs around it."""
    from tokenizers import Tokenizer, pre_tokenizers

    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizer_of(pieces, hiding)
    cuts = list(cuts_of(pieces, hiding))
    if cuts:
        tokenizer.pre_tokenizer = cuts[0] if len(cuts) == 1 else pre_tokenizers.Sequence(cuts)
    # As fairseq's SentencepieceBPE.decode.
    tokenizer.decoder = decoder_of(contents, SPACE)
    add_special_tokens(tokenizer, contents)
    return tokenizer


def _unigram_model(
    contents: FolderContents, pieces: Pieces, missing: tuple[str, ...], hiding: Hiding
) -> Model:
    from tokenizers import models

    rows = (*contents.dictionary.symbols, *missing)
    scored = list(zip(rows, unigram_scores(contents, pieces, missing, hiding), strict=True))
    return models.Unigram(scored, unk_id=UNK, byte_fallback=bool(pieces.byte_pieces))


def _bpe_model(
    contents: FolderContents, pieces: Pieces, missing: tuple[str, ...], _: Hiding
) -> Model:
    return _merging_model(pieces, _row_ids(contents, missing), list(merges_of(pieces)))


def _merging_model(pieces: Pieces, rows: dict[str, int], merges: list[tuple[str, str]]) -> Model:
    from tokenizers import models

    return models.BPE(
        vocab=rows,
        merges=merges,
        unk_token=SPECIAL_SYMBOLS[UNK],
        fuse_unk=True,
        byte_fallback=bool(pieces.byte_pieces),
    )


def _is_cut(piece: str, cut: int, scores: Mapping[str, float]) -> bool:
    return piece[:cut] in scores and piece[cut:] in scores
