"""A fast tokenizer whose ids are exactly the rows of `dict.txt`.

Built row by row over `tokenizers`' Unigram model, with the scores and the text normalization of the
checkpoint's own sentencepiece model. `MBart50Tokenizer` would append language codes of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.checkpoint.dictionary import BOS, EOS, PAD, SPECIAL_SYMBOLS, UNK
from toolkit.core.errors import BadInput
from toolkit.folder.contents import FolderContents

UNIGRAM = 1
"""`TrainerSpec.ModelType` of sentencepiece's unigram models."""
NFKC_RULES = ("nfkc", "nmt_nfkc", "nfkc_cf", "nmt_nfkc_cf")
SPACE = "\u2581"


@dataclass(frozen=True, kw_only=True)
class Pieces:
    """What a sentencepiece model says."""

    scores: Mapping[str, float]
    charsmap: bytes
    rule_name: str
    """What sentencepiece calls the rules in `charsmap`."""
    add_dummy_prefix: bool
    remove_extra_whitespaces: bool


def read_pieces(path: Path) -> Pieces:
    """The pieces of a sentencepiece unigram model and how it prepares text.

    Raises:
        BadInput: the file is no such model.
    """
    from google.protobuf.message import DecodeError
    from sentencepiece import sentencepiece_model_pb2

    model = sentencepiece_model_pb2.ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except (OSError, DecodeError) as error:
        raise BadInput(
            f"`{path}` must be a sentencepiece model, but {error}. Name the right file with "
            "`--spm`."
        ) from error
    if not model.pieces or model.trainer_spec.model_type != UNIGRAM:
        raise BadInput(
            f"`{path}` must be a sentencepiece model of the unigram kind with pieces, but is of "
            f"kind {model.trainer_spec.model_type} with {len(model.pieces)}. Name the right file "
            "with `--spm`."
        )
    return Pieces(
        scores={piece.piece: piece.score for piece in model.pieces},
        rule_name=model.normalizer_spec.name,
        charsmap=model.normalizer_spec.precompiled_charsmap,
        add_dummy_prefix=model.normalizer_spec.add_dummy_prefix,
        remove_extra_whitespaces=model.normalizer_spec.remove_extra_whitespaces,
    )


def build_tokenizer(contents: FolderContents) -> Any:
    """A `PreTrainedTokenizerFast` with one id per row of the dictionary.

    Raises:
        BadInput: the sentencepiece model cannot be read.
    """
    from transformers import PreTrainedTokenizerFast

    pieces = read_pieces(contents.spm_path)
    bos, pad, eos, unk = SPECIAL_SYMBOLS
    return PreTrainedTokenizerFast(
        tokenizer_object=_backend(contents, pieces),
        bos_token=bos,
        pad_token=pad,
        eos_token=eos,
        unk_token=unk,
        extra_special_tokens=[contents.dictionary.symbols[i] for i in _tag_ids(contents)],
        model_max_length=contents.max_positions,
        clean_up_tokenization_spaces=False,
    )


def _backend(contents: FolderContents, pieces: Pieces) -> Any:
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models

    symbols = contents.dictionary.symbols
    # Not lower: the score of an unknown letter follows the lowest score of all.
    lowest = min(pieces.scores.values())
    rows = [(symbol, pieces.scores.get(symbol, lowest)) for symbol in symbols]
    tokenizer = Tokenizer(models.Unigram(rows, unk_id=UNK, byte_fallback=False))
    tokenizer.normalizer = _normalizer(pieces)
    # As fairseq's SentencepieceBPE.decode: spaces for the marks, none at either end.
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace(SPACE, " "),
            decoders.Fuse(),
            decoders.Replace(Regex("^ +| +$"), ""),
        ]
    )
    special = [symbols[i] for i in (BOS, PAD, EOS, UNK, *_tag_ids(contents))]
    tokenizer.add_special_tokens([AddedToken(s, normalized=False, special=True) for s in special])
    tokenizer.post_processor = _frame(contents)
    return tokenizer


def _normalizer(pieces: Pieces) -> Any:
    from tokenizers import Regex, normalizers

    steps: list[Any] = []
    if pieces.charsmap:
        if pieces.rule_name in NFKC_RULES:
            # `Precompiled` loses what combines with a letter in decomposed text.
            steps.append(normalizers.NFC())
        steps.append(normalizers.Precompiled(pieces.charsmap))
    if pieces.remove_extra_whitespaces:
        steps.append(normalizers.Strip(left=True, right=True))
        steps.append(normalizers.Replace(Regex(" {2,}"), " "))
    steps.append(normalizers.Replace(" ", SPACE))
    if pieces.add_dummy_prefix:
        # `Metaspace` would leave out the mark before a text that begins with one.
        steps.append(normalizers.Prepend(SPACE))
    return normalizers.Sequence(steps)


def _frame(contents: FolderContents) -> Any:
    from tokenizers import processors

    framed = {"end": SPECIAL_SYMBOLS[EOS], "tag": contents.prefix_tag}
    # Aliases, because a template cannot spell a symbol with a colon such as `<lang:de>`.
    special = [
        {"id": alias, "ids": [contents.dictionary.index(symbol)], "tokens": [symbol]}
        for alias, symbol in framed.items()
        if symbol is not None
    ]
    template = "$A end" if contents.prefix_tag is None else "tag $A end"
    return processors.TemplateProcessing(single=template, special_tokens=special)


def _tag_ids(contents: FolderContents) -> list[int]:
    return list(contents.language_tags.values())
