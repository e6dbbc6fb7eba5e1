"""A fast tokenizer whose ids are exactly the rows of `dict.txt`.

Built row by row with the pieces, scores and text normalization of the checkpoint's own
sentencepiece model; `MBart50Tokenizer` would append language codes of its own. fairseq looks the
pieces of a text up in the dictionary. So

- a piece that the dictionary lacks must still be cut, and become `<unk>`: that takes a class of our
  own, `toolkit.bundled.tokenization_fairseq`;
- a row that the model lacks must never be cut; see `_Hiding`;
- without a sentencepiece model, the words of a text are its symbols.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import floor
from pathlib import Path
from typing import Any

from toolkit.checkpoint.dictionary import BOS, EOS, PAD, SPECIAL_SYMBOLS, UNK, Dictionary
from toolkit.checkpoint.plain_files import read_small
from toolkit.core.errors import BadInput
from toolkit.folder.contents import FolderContents
from toolkit.folder.tokenizer_form import TokenizerForm, read_form
from toolkit.tasks.speech_seq2seq.tokenizer_files import render_config, render_unigram

UNIGRAM, BPE, CHAR = 1, 2, 4
"""`TrainerSpec.ModelType` of the sentencepiece models that are known here."""
MAX_MODEL_BYTES = 1 << 28
"""Of a sentencepiece model; those of a million pieces have some 20 MB."""
KINDS = {UNIGRAM: "unigram", BPE: "bpe", 3: "word", CHAR: "char"}
NORMAL, USER_DEFINED, UNUSED, BYTE = 1, 4, 5, 6
"""`SentencePiece.Type`; the others, `<unk>` and control symbols, are no part of any text."""
NFKC_RULES = ("nfkc", "nmt_nfkc", "nfkc_cf", "nmt_nfkc_cf")
SPACE = "\u2581"
WHITESPACE = r"[\s\x1c-\x1f]"
"""What Python's `str.split` and `str.strip` count as space."""
STRAY_SPACES = tuple(chr(code) for code in range(0x3001) if chr(code).isspace() and code != 0x20)
"""All of it but the space itself; fairseq splits a line of pieces at them too."""
RARE_SPACES = frozenset("\x1c\x1d\x1e\x1f\x85")
"""Those that no keyboard has; `nmt_nfkc` leaves them alone."""

_BEFORE, _AFTER = r"\A +", rf"{SPACE}+\z"
"""Spaces before a text, and marks of spaces behind it."""
_PLACEHOLDER = re.compile(r"<.+>|\[.+\]|madeupword\d+")
"""Rows that stand for no text."""


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

        charsmap = normalizers.Sequence(list(_charsmap_steps(self)))
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


def _refused_settings(model: Any) -> Iterator[str]:
    trainer, normalizer = model.trainer_spec, model.normalizer_spec
    if trainer.treat_whitespace_as_suffix:
        yield "it writes spaces behind words (`treat_whitespace_as_suffix`)"
    if not normalizer.escape_whitespaces:
        yield "it leaves spaces as they are (`escape_whitespaces: false`)"
    types = {piece.type for piece in model.pieces}
    if trainer.model_type in (BPE, CHAR) and types & {USER_DEFINED, UNUSED}:
        kind = KINDS[trainer.model_type]
        yield f"it is of the {kind} kind with user-defined or unused pieces"


def _pieces(model: Any) -> Pieces:
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


def needs_own_tokenizer(spm_path: Path | None, dictionary: Dictionary) -> bool:
    """Whether the sentencepiece model cuts pieces that the dictionary lacks.

    No class of transformers can answer them with `<unk>`: the folder must carry
    `toolkit.bundled.TOKENIZATION`.

    Raises:
        BadInput: the sentencepiece model cannot be used.
    """
    return spm_path is not None and bool(_missing(read_pieces(spm_path), dictionary))


def build_tokenizer(contents: FolderContents) -> Any:
    """A `PreTrainedTokenizerFast` with one id per row of the dictionary.

    Raises:
        BadInput: dictionary or sentencepiece model cannot be followed exactly.
    """
    _check_symbols(contents)
    pieces = None if contents.pieces_path is None else read_pieces(contents.pieces_path)
    missing = () if pieces is None else _missing(pieces, contents.dictionary)
    backend = _word_backend(contents) if pieces is None else _backend(contents, pieces, missing)
    bos, pad, eos, unk = SPECIAL_SYMBOLS
    options: dict[str, Any] = {"dictionary_size": len(contents.dictionary)} if missing else {}
    return _tokenizer_class(own=bool(missing))(
        tokenizer_object=backend,
        bos_token=bos,
        pad_token=pad,
        eos_token=eos,
        unk_token=unk,
        extra_special_tokens=[contents.dictionary.symbols[i] for i in _tag_ids(contents)],
        model_max_length=contents.max_positions,
        clean_up_tokenization_spaces=False,
        **options,
    )


def write_tokenizer(contents: FolderContents, folder: Path) -> None:
    """Writes the files that `build_tokenizer(contents).save_pretrained(folder)` would write.

    A large unigram model takes seconds and a gigabyte to build, and some to import: where nothing
    but its rows needs it, the rows are written without it.

    Raises:
        BadInput: dictionary or sentencepiece model cannot be followed exactly.
    """
    pieces = None if contents.pieces_path is None else read_pieces(contents.pieces_path)
    if pieces is None or pieces.kind == BPE or _missing(pieces, contents.dictionary):
        build_tokenizer(contents).save_pretrained(folder)
        return
    _check_symbols(contents)
    hiding = _hiding(contents, pieces)
    _check_pieces(pieces)
    rows = zip(contents.dictionary.symbols, _scores(contents, pieces, (), hiding), strict=True)
    (folder / "tokenizer.json").write_text(
        render_unigram(_described(contents, pieces), rows), encoding="utf-8"
    )
    (folder / "tokenizer_config.json").write_text(render_config(contents), encoding="utf-8")


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
    special = {*SPECIAL_SYMBOLS, *(symbols[i] for i in _tag_ids(contents))}
    missing = _missing(pieces, contents.dictionary)
    scores = _scores(contents, pieces, missing, _hiding(contents, pieces))
    rows = zip((*symbols, *missing), scores, strict=True)
    return {row: score for row, score in rows if row not in special}


def describe_tokenizer(contents: FolderContents) -> TokenizerForm:
    """What `build_tokenizer(contents)` does to texts and ids, without building it.

    Raises:
        BadInput: dictionary or sentencepiece model cannot be followed exactly.
    """
    pieces = None if contents.pieces_path is None else read_pieces(contents.pieces_path)
    form = read_form(json.loads(_small_backend(contents, pieces).to_str()))
    merges = () if pieces is None or pieces.kind != BPE else tuple(_merges(pieces))
    older = {} if pieces is None else _older_steps(pieces, form)
    return replace(form, scores=row_scores(contents), merges=merges, older_steps=older)


def _older_steps(pieces: Pieces, form: TokenizerForm) -> dict[str, tuple[Any, ...]]:
    """Steps of folders that were written before texts were cut at control characters.

    Speech is decoded alike, and no transcript has such characters.
    """
    if not set(pieces.dropped) <= RARE_SPACES:
        return {}
    ends = {"type": "Strip", "strip_left": True, "strip_right": True}
    patterns = [(step, step.get("pattern", {}).get("Regex")) for step in form.steps["normalizer"]]
    return {
        "normalizer": tuple(
            ends if pattern == _BEFORE else step for step, pattern in patterns if pattern != _AFTER
        ),
        "pre_tokenizer": tuple(
            step for step in form.steps["pre_tokenizer"] if step.get("behavior") != "Removed"
        ),
    }


def _tokenizer_class(*, own: bool) -> Any:
    if own:
        from toolkit.bundled.tokenization_fairseq import FairseqTokenizerFast

        return FairseqTokenizerFast
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast


def _missing(pieces: Pieces, dictionary: Dictionary) -> tuple[str, ...]:
    rows = set(dictionary.symbols)
    return tuple(p for p in (*pieces.scores, *pieces.byte_pieces) if p not in rows)


def _check_symbols(contents: FolderContents) -> None:
    symbols = contents.dictionary.symbols
    shadowed = contents.dictionary.shadowed
    special = [symbols[i] for i in shadowed if i < len(SPECIAL_SYMBOLS)]
    if special:
        raise BadInput(
            "The dictionary must leave fairseq's own symbols alone, but overwrites "
            f"{_some(special)}, which then has two ids in fairseq and one in transformers. Name "
            "the checkpoint's own dictionary with `--dict`."
        )


# Words


def _word_backend(contents: FolderContents) -> Any:
    return _around_words(_row_ids(contents, ()), contents)


def _around_words(rows: dict[str, int], contents: FolderContents) -> Any:
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel(rows, unk_token=SPECIAL_SYMBOLS[UNK]))
    # As `fairseq.tokenizer.tokenize_line`. Without a decoder, symbols are joined by spaces.
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(f"{WHITESPACE}+"), "removed")
    _add_special_tokens(tokenizer, contents)
    return tokenizer


def _row_ids(contents: FolderContents, missing: tuple[str, ...]) -> dict[str, int]:
    symbols = contents.dictionary.symbols
    repeated = [symbols[i] for i in contents.dictionary.shadowed]
    if repeated:
        raise BadInput(
            f"The dictionary must have every symbol once, but repeats {_some(repeated)}. A "
            "tokenizer of transformers can have a symbol twice for a sentencepiece model of the "
            "unigram kind only."
        )
    return {symbol: i for i, symbol in enumerate((*symbols, *missing))}


# Pieces


def _backend(contents: FolderContents, pieces: Pieces, missing: tuple[str, ...]) -> Any:
    hiding = _hiding(contents, pieces)
    _check_pieces(pieces)
    make_model = _bpe_model if pieces.kind == BPE else _unigram_model
    return _around(make_model(contents, pieces, missing, hiding), contents, pieces, hiding)


def _around(model: Any, contents: FolderContents, pieces: Pieces, hiding: _Hiding) -> Any:
    """A tokenizer with everything that a model of the pieces needs around it."""
    from tokenizers import Regex, Tokenizer, decoders, pre_tokenizers

    tokenizer = Tokenizer(model)
    tokenizer.normalizer = _normalizer(pieces, hiding)
    cuts = list(_cuts(pieces, hiding))
    if cuts:
        tokenizer.pre_tokenizer = cuts[0] if len(cuts) == 1 else pre_tokenizers.Sequence(cuts)
    # As fairseq's SentencepieceBPE.decode: spaces for the marks, none at either end.
    spaced = any(map(str.isspace, "".join(contents.dictionary.symbols)))
    ends = rf"\A{WHITESPACE}+|{WHITESPACE}+\z" if spaced else "^ +| +$"
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace(SPACE, " "),
            decoders.Fuse(),
            decoders.Replace(Regex(ends), ""),
        ]
    )
    _add_special_tokens(tokenizer, contents)
    return tokenizer


def _unigram_model(
    contents: FolderContents, pieces: Pieces, missing: tuple[str, ...], hiding: _Hiding
) -> Any:
    from tokenizers import models

    rows = (*contents.dictionary.symbols, *missing)
    scored = list(zip(rows, _scores(contents, pieces, missing, hiding), strict=True))
    return models.Unigram(scored, unk_id=UNK, byte_fallback=bool(pieces.byte_pieces))


def _scores(
    contents: FolderContents, pieces: Pieces, missing: tuple[str, ...], hiding: _Hiding
) -> Iterator[float]:
    for row in (*contents.dictionary.symbols, *missing):
        score = pieces.scores.get(row)
        yield hiding.score(row) if score is None else score


def _described(contents: FolderContents, pieces: Pieces) -> dict[str, Any]:
    """What `tokenizer.json` says of a unigram tokenizer, without its rows."""
    described = json.loads(_small_backend(contents, pieces).to_str())
    special = _special_symbols(contents)
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


def _small_backend(contents: FolderContents, pieces: Pieces | None) -> Any:
    """The tokenizer with no other rows than its special tokens."""
    from tokenizers import models

    special = _special_symbols(contents)
    rows = {symbol: i for i, symbol in enumerate(special)}
    if pieces is None:
        return _around_words(rows, contents)
    if pieces.kind == BPE:
        model = _merging_model(pieces, rows, [])
    else:
        falls_back = bool(pieces.byte_pieces)
        model = models.Unigram(
            [(symbol, 0.0) for symbol in special],
            unk_id=special.index(SPECIAL_SYMBOLS[UNK]),
            byte_fallback=falls_back,
        )
    return _around(model, contents, pieces, _hiding(contents, pieces))


def _bpe_model(
    contents: FolderContents, pieces: Pieces, missing: tuple[str, ...], _: _Hiding
) -> Any:
    return _merging_model(pieces, _row_ids(contents, missing), list(_merges(pieces)))


def _merging_model(pieces: Pieces, rows: dict[str, int], merges: list[tuple[str, str]]) -> Any:
    from tokenizers import models

    return models.BPE(
        vocab=rows,
        merges=merges,
        unk_token=SPECIAL_SYMBOLS[UNK],
        fuse_unk=True,
        byte_fallback=bool(pieces.byte_pieces),
    )


def _merges(pieces: Pieces) -> Iterator[tuple[str, str]]:
    """Every way to put a piece together from two others, best piece first.

    sentencepiece gives all ways to make one piece the same rank, and takes the leftmost; here each
    has its own rank. Two ways can overlap, as `ab|a` and `a|ba` in `ab a ba`: the one whose second
    part also begins the piece stands on the left, so it comes first.
    """
    for piece in sorted(pieces.scores, key=lambda piece: -pieces.scores[piece]):
        cuts = [i for i in range(1, len(piece)) if _is_cut(piece, i, pieces.scores)]
        for cut in sorted(cuts, key=lambda i: not piece.startswith(piece[i:])):
            yield piece[:cut], piece[cut:]


def _is_cut(piece: str, cut: int, scores: Mapping[str, float]) -> bool:
    return piece[:cut] in scores and piece[cut:] in scores


@dataclass(frozen=True, kw_only=True)
class _Hiding:
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
        # A whole number, which comes back from a file as it is.
        sunk = floor(len(row) * min(self.lowest, 0.0)) - 1.0
        return sunk if row in self.low else self.lowest


def _hiding(contents: FolderContents, pieces: Pieces) -> _Hiding:
    symbols = contents.dictionary.symbols
    rows = {*symbols, *pieces.byte_pieces} - {"", *pieces.scores}
    special = {*SPECIAL_SYMBOLS, *(symbols[i] for i in _tag_ids(contents))}
    _check_rows(sorted(rows - special), pieces)
    unknown = {next((letter for letter in row if letter not in pieces.letters), "") for row in rows}
    return _Hiding(
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
            f"{_some(stuck)}, and the model lacks single letters of its pieces, so that no fast "
            "tokenizer cuts a text with these rows as fairseq does. Name the checkpoint's own "
            "model with `--spm`."
        )
    foreign = [row for row in rows if not set(row) & pieces.letters and not _is_placeholder(row)]
    if foreign:
        raise BadInput(
            f"The dictionary must have rows that are pieces of the sentencepiece model, but has "
            f"{_some(foreign)}, whose letters that model does not know: fairseq finds them in a "
            "text, and no fast tokenizer does. Name the checkpoint's own model with `--spm`."
        )


def _can_sink(row: str, pieces: Pieces) -> bool:
    return pieces.is_closed and pieces.can_spell(row)


def _is_placeholder(row: str) -> bool:
    return _PLACEHOLDER.fullmatch(row) is not None


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


def _check_pieces(pieces: Pieces) -> None:
    """Refuses pieces that fairseq cuts again, or that sentencepiece shields from normalization."""
    crossing = list(_crossing(pieces))
    if crossing:
        raise BadInput(
            "The sentencepiece model must have pieces without tabs, line ends and wide spaces, "
            f"but has {_some(crossing)}, which fairseq cuts again and no fast tokenizer does. Use "
            "a checkpoint that was trained with another model."
        )
    plain = _normalizer(pieces, None)
    prefix = SPACE if pieces.add_dummy_prefix else ""
    changed = [p for p in pieces.user_defined if plain.normalize_str(p) != prefix + p or SPACE in p]
    if changed:
        raise BadInput(
            "The sentencepiece model must have user-defined pieces that its normalization leaves "
            f"as they are, but has {_some(changed)}, which no fast tokenizer treats alike. Use a "
            "checkpoint that was trained with another model."
        )


def _filler(taken: Set[str]) -> str:
    return next(chr(code) for code in (0xFFFD, *range(0xE000, 0xF900)) if chr(code) not in taken)


def _normalizer(pieces: Pieces, hiding: _Hiding | None) -> Any:
    from tokenizers import Regex, normalizers

    steps = list(_charsmap_steps(pieces))
    if pieces.remove_extra_whitespaces:
        # Not `Strip`, which takes away what is no space to sentencepiece.
        steps.append(normalizers.Replace(Regex(_BEFORE), ""))
        steps.append(normalizers.Replace(Regex(" {2,}"), " "))
    steps.append(normalizers.Replace(" ", SPACE))
    if pieces.add_dummy_prefix:
        # `Metaspace` would leave out the mark before a text that begins with one.
        steps.append(normalizers.Prepend(SPACE))
    if pieces.remove_extra_whitespaces:
        # Marks of the text itself included.
        steps.append(normalizers.Replace(Regex(_AFTER), ""))
    if hiding is not None and hiding.letters and not pieces.byte_pieces:
        steps.append(normalizers.Replace(Regex(_any_of(hiding.letters)), hiding.filler))
    return normalizers.Sequence(steps)


def _charsmap_steps(pieces: Pieces) -> Iterator[Any]:
    from tokenizers import normalizers

    if pieces.charsmap:
        if pieces.rule_name in NFKC_RULES:
            # `Precompiled` loses what combines with a letter in decomposed text.
            yield normalizers.NFC()
        yield normalizers.Precompiled(pieces.charsmap)


def _cuts(pieces: Pieces, hiding: _Hiding) -> Iterator[Any]:
    """Where a prepared text is cut before anything else: at letters that no piece crosses."""
    from tokenizers import Regex, pre_tokenizers

    if pieces.dropped:
        # As `fairseq.tokenizer.tokenize_line`, which finds them between pieces and in unknown ones.
        yield pre_tokenizers.Split(Regex(f"{_any_of(pieces.dropped)}+"), "removed")
    if hiding.letters and pieces.byte_pieces:
        # Another such letter would fall back to other bytes.
        yield pre_tokenizers.Split(Regex(_any_of(hiding.letters)), "isolated")


def _any_of(letters: str) -> str:
    return "[" + "".join(rf"\x{{{ord(letter):X}}}" for letter in letters) + "]"


# Special tokens


def _add_special_tokens(tokenizer: Any, contents: FolderContents) -> None:
    from tokenizers import AddedToken

    special = _special_symbols(contents)
    tokenizer.add_special_tokens([AddedToken(s, normalized=False, special=True) for s in special])
    tokenizer.post_processor = _frame(contents)


def _special_symbols(contents: FolderContents) -> list[str]:
    symbols = contents.dictionary.symbols
    return [symbols[i] for i in (BOS, PAD, EOS, UNK, *_tag_ids(contents))]


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


def _some(symbols: list[str], shown: int = 5) -> str:
    more = f" and {len(symbols) - shown} more" if len(symbols) > shown else ""
    return ", ".join(map(repr, symbols[:shown])) + more
