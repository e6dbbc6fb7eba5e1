"""A fast tokenizer whose ids are exactly the rows of `dict.txt`.

Built row by row with the pieces, scores and text normalization of the checkpoint's own
sentencepiece model; `MBart50Tokenizer` would append language codes of its own. fairseq looks the
pieces of a text up in the dictionary. So

- a piece that the dictionary lacks must still be cut, and become `<unk>`: that takes a class of our
  own, `toolkit.bundled.tokenization_fairseq`;
- a row that the model lacks must never be cut; see `toolkit.tasks.speech_seq2seq.hiding`;
- without a sentencepiece model, the words of a text are its symbols.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.checkpoint.dictionary import SPECIAL_SYMBOLS, Dictionary
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonObject
from toolkit.folder.contents import FolderContents
from toolkit.folder.tokenizer_form import TokenizerForm, read_form
from toolkit.tasks.speech_seq2seq.backends import (
    describe_unigram,
    merges_of,
    piece_backend,
    small_backend,
    unigram_scores,
    word_backend,
)
from toolkit.tasks.speech_seq2seq.hiding import hide_rows
from toolkit.tasks.speech_seq2seq.pieces import BPE, Pieces, missing_rows, named, read_pieces
from toolkit.tasks.speech_seq2seq.special_tokens import tag_ids
from toolkit.tasks.speech_seq2seq.text_steps import AFTER, BEFORE, check_pieces
from toolkit.tasks.speech_seq2seq.tokenizer_files import render_config, render_unigram

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

RARE_SPACES = frozenset("\x1c\x1d\x1e\x1f\x85")
"""Spaces that no keyboard has; `nmt_nfkc` leaves them alone."""


def needs_own_tokenizer(spm_path: Path | None, dictionary: Dictionary) -> bool:
    """Whether the sentencepiece model cuts pieces that the dictionary lacks.

    No class of transformers can answer them with `<unk>`: the folder must carry
    `toolkit.bundled.TOKENIZATION`.

    Raises:
        BadInput: the sentencepiece model cannot be used.
    """
    return spm_path is not None and bool(missing_rows(read_pieces(spm_path), dictionary))


def build_tokenizer(contents: FolderContents) -> PreTrainedTokenizerFast:
    """A `PreTrainedTokenizerFast` with one id per row of the dictionary.

    Raises:
        BadInput: dictionary or sentencepiece model cannot be followed exactly.
    """
    _check_symbols(contents)
    pieces = None if contents.pieces_path is None else read_pieces(contents.pieces_path)
    missing = () if pieces is None else missing_rows(pieces, contents.dictionary)
    backend = word_backend(contents) if pieces is None else piece_backend(contents, pieces, missing)
    bos, pad, eos, unk = SPECIAL_SYMBOLS
    options = {"dictionary_size": len(contents.dictionary)} if missing else {}
    return _tokenizer_class(own=bool(missing))(
        tokenizer_object=backend,
        bos_token=bos,
        pad_token=pad,
        eos_token=eos,
        unk_token=unk,
        extra_special_tokens=[contents.dictionary.symbols[i] for i in tag_ids(contents)],
        model_max_length=contents.max_positions,
        clean_up_tokenization_spaces=False,
        **options,
    )


def write_tokenizer(contents: FolderContents, folder: Path) -> None:
    """Writes the files that `build_tokenizer(contents).save_pretrained(folder)` would write.

    transformers takes seconds to import, and a large unigram model seconds and a gigabyte to build:
    where nothing but its rows needs it, the rows are written without it.

    Raises:
        BadInput: dictionary or sentencepiece model cannot be followed exactly.
    """
    pieces = None if contents.pieces_path is None else read_pieces(contents.pieces_path)
    if pieces is not None and (pieces.kind == BPE or missing_rows(pieces, contents.dictionary)):
        build_tokenizer(contents).save_pretrained(folder)
        return
    _check_symbols(contents)
    (folder / "tokenizer_config.json").write_text(render_config(contents), encoding="utf-8")
    if pieces is None:
        word_backend(contents).save(str(folder / "tokenizer.json"))
        return
    hiding = hide_rows(contents, pieces)
    check_pieces(pieces)
    rows = zip(
        contents.dictionary.symbols, unigram_scores(contents, pieces, (), hiding), strict=True
    )
    (folder / "tokenizer.json").write_text(
        render_unigram(describe_unigram(contents, pieces), rows), encoding="utf-8"
    )


def row_scores(contents: FolderContents) -> dict[str, float]:
    """The score of every row that a text can be cut into, without building a tokenizer.

    Returns:
        Scores by symbol; empty where the tokenizer has none, with words or merged pieces.

    Raises:
        BadInput: dictionary or sentencepiece model cannot be followed exactly.
    """
    pieces = None if contents.pieces_path is None else read_pieces(contents.pieces_path)
    if pieces is None or pieces.kind == BPE:
        return {}
    symbols = contents.dictionary.symbols
    special = {*SPECIAL_SYMBOLS, *(symbols[i] for i in tag_ids(contents))}
    missing = missing_rows(pieces, contents.dictionary)
    scores = unigram_scores(contents, pieces, missing, hide_rows(contents, pieces))
    rows = zip((*symbols, *missing), scores, strict=True)
    return {row: score for row, score in rows if row not in special}


def describe_tokenizer(contents: FolderContents) -> TokenizerForm:
    """What `build_tokenizer(contents)` does to texts and ids, without building it.

    Raises:
        BadInput: dictionary or sentencepiece model cannot be followed exactly.
    """
    pieces = None if contents.pieces_path is None else read_pieces(contents.pieces_path)
    form = read_form(json.loads(small_backend(contents, pieces).to_str()))
    merges = () if pieces is None or pieces.kind != BPE else tuple(merges_of(pieces))
    older = {} if pieces is None else _older_steps(pieces, form)
    return replace(form, scores=row_scores(contents), merges=merges, older_steps=older)


def _older_steps(pieces: Pieces, form: TokenizerForm) -> dict[str, tuple[JsonObject, ...]]:
    """Steps of folders that were written before texts were cut at control characters.

    Speech is decoded alike, and no transcript has such characters.
    """
    if not set(pieces.dropped) <= RARE_SPACES:
        return {}
    ends = {"type": "Strip", "strip_left": True, "strip_right": True}
    patterns = [(step, step.get("pattern", {}).get("Regex")) for step in form.steps["normalizer"]]
    return {
        "normalizer": tuple(
            ends if pattern == BEFORE else step for step, pattern in patterns if pattern != AFTER
        ),
        "pre_tokenizer": tuple(
            step for step in form.steps["pre_tokenizer"] if step.get("behavior") != "Removed"
        ),
    }


def _tokenizer_class(*, own: bool) -> type[PreTrainedTokenizerFast]:
    if own:
        from toolkit.bundled.tokenization_fairseq import FairseqTokenizerFast

        return FairseqTokenizerFast
    import transformers

    stock: type[PreTrainedTokenizerFast] = transformers.PreTrainedTokenizerFast
    return stock


def _check_symbols(contents: FolderContents) -> None:
    symbols = contents.dictionary.symbols
    shadowed = contents.dictionary.shadowed
    special = [symbols[i] for i in shadowed if i < len(SPECIAL_SYMBOLS)]
    if special:
        raise BadInput(
            "The dictionary must leave fairseq's own symbols alone, but overwrites "
            f"{named(special)}, which then has two ids in fairseq and one in transformers. Name "
            "the checkpoint's own dictionary with `--dict`."
        )
