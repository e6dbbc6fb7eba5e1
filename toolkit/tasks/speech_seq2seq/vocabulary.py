"""A folder's tokenizer against what the checkpoint implies: rows, tokens, settings and texts.

The tokenizer is judged as transformers builds it, whichever files say so, and whole: what no text
of ours shows, its structure does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolkit.checkpoint.dictionary import SPECIAL_SYMBOLS
from toolkit.compare.differences import Aspect, Difference, aspect_measures
from toolkit.core.json import JsonObject
from toolkit.core.measures import Level
from toolkit.folder.contents import FolderContents
from toolkit.folder.tokenizer_form import STEPS, TEXT, TokenizerForm, read_form
from toolkit.tasks.speech_seq2seq.tokenizer import describe_tokenizer
from toolkit.tasks.speech_seq2seq.tokenizer_settings import (
    SETTINGS,
    is_foreign,
    maybe_cut,
    wrong_settings,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from toolkit.oracle.asking import AnyReference

FILE, CONFIG = "tokenizer.json", "tokenizer_config"
EXTRA = f"{CONFIG}.extra_special_tokens"
SCORE_ROUNDING = 1e-12
"""Relative; sentencepiece's own scores are float32, a million times coarser."""
PROBE_TEXTS = (
    "",
    " ",
    "  two  spaces  ",
    "tab\tand\nline",
    "ﬁne Ⅷ ½ ＡＢＣ",
    "e\u0301 a\u0308 no\u0303",
    "漢字 😀 unknown",
    "Don't stop-me, now… (100%)!",
)
"""Texts at which tokenizers part: spaces, compatibility forms, combining marks, unknown symbols."""

NAMES = ("bos_token", "pad_token", "eos_token", "unk_token")
"""Keys of `SPECIAL_SYMBOLS` in `tokenizer_config.json`."""


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """What the checkpoint implies of a tokenizer."""

    contents: FolderContents
    form: TokenizerForm
    encodings: Mapping[str, tuple[int, ...]]
    """Texts and the ids that fairseq gives them, tag and end included."""
    decodings: Mapping[tuple[int, ...], str]
    """Ids and the text that fairseq makes of them, without tags, ends and unknowns."""
    file: str = FILE

    @property
    def said_by(self) -> str:
        """What of the checkpoint says so, for sentences; units and letters need no pieces."""
        if self.contents.pieces_path is None:
            return "the rows of the dictionary"
        return "dict.txt and the sentencepiece model"

    def compare(self, tokenizer: PreTrainedTokenizerBase | None) -> tuple[Difference, ...]:
        """Everything that differs, each cause once; see `compare_vocabulary`."""
        return compare_vocabulary(self, tokenizer)

    def judge(self, differences: Sequence[Difference]) -> Level:
        """The level that these differences make; see `judge_vocabulary`."""
        return judge_vocabulary(self, differences)

    def maybe_cut(self, tokenizer: PreTrainedTokenizerBase) -> object:
        """The length at which a processor cuts labels; see `maybe_cut`."""
        return maybe_cut(self.contents, tokenizer)


def expect_vocabulary(
    contents: FolderContents, reference: AnyReference, texts: Iterable[str]
) -> Vocabulary:
    """What the checkpoint implies, with fairseq's answers on texts at which tokenizers part.

    Raises:
        BadInput: dictionary or sentencepiece model cannot be followed exactly.
    """
    encoded = {text: reference.encode(text) for text in (*texts, *probe_texts(contents))}
    return Vocabulary(
        contents=contents,
        form=describe_tokenizer(contents),
        encodings={text: framed(contents, ids) for text, ids in encoded.items()},
        decodings={framed(contents, ids): reference.text(ids) for ids in encoded.values()},
    )


def judge_vocabulary(expected: Vocabulary, differences: Sequence[Difference]) -> Level:
    """The level that these differences make; it passes exactly if there are none."""
    contents = expected.contents
    size = len(contents.dictionary)
    compared: dict[Aspect, int] = {
        "rows": size,
        "special tokens": len(SPECIAL_SYMBOLS) + len(contents.language_tags),
        "settings": len(SETTINGS) + len(STEPS) + 3,
        "texts": len(expected.encodings),
    }
    summary = "; ".join(f"{d.keys[0]}: {d.wrong[0]}" for d in differences[:3])
    return Level(
        name="vocabulary",
        measures=aspect_measures(differences, compared),
        summary=summary
        or f"{size} ids as in dict.txt, {len(expected.encodings)} texts encoded alike",
    )


def compare_vocabulary(
    expected: Vocabulary, tokenizer: PreTrainedTokenizerBase | None
) -> tuple[Difference, ...]:
    """Everything that differs, each cause once; texts only where nothing else explains them."""
    if tokenizer is None:
        return (Difference(aspect="rows", keys=(FILE,), wrong=("no tokenizer loads",)),)
    found = (*_wrong_vocabulary(expected, tokenizer), *wrong_settings(expected.contents, tokenizer))
    differences = tuple(
        Difference(aspect=aspect, keys=keys, wrong=tuple(wrong), fix=_fix(aspect, keys))
        for aspect, keys, wrong in found
        if wrong
    )
    texts = () if differences else tuple(wrong_texts(expected, tokenizer))
    if texts:
        differences = (Difference(aspect="texts", keys=(FILE,), wrong=texts),)
    return _as_one(differences, tokenizer) if is_foreign(tokenizer) else differences


def _fix(aspect: Aspect, keys: tuple[str, ...]) -> str:
    """What to do about a wrong setting; nothing special about wrong rows."""
    return f"give `{keys[0]}` the value that is right, or leave it out" * (aspect == "settings")


def probe_texts(contents: FolderContents) -> tuple[str, ...]:
    """Texts at which tokenizers part; where words are symbols, also texts of known words."""
    if contents.pieces_path is not None:
        return PROBE_TEXTS
    words = contents.dictionary.symbols[len(SPECIAL_SYMBOLS) :]
    return (*PROBE_TEXTS, " ".join(words), "  ".join(reversed(words)), "\t".join(words[::2]))


def framed(contents: FolderContents, ids: tuple[int, ...]) -> tuple[int, ...]:
    """The ids of a text with its language tag and end."""
    around = (contents.prefix_tag, "</s>", contents.suffix_tag)
    first, end, last = (() if s is None else (contents.dictionary.index(s),) for s in around)
    return (*first, *ids, *end, *last)


def wrong_rows(contents: FolderContents, tokenizer: PreTrainedTokenizerBase) -> dict[str, str]:
    """Symbols whose id has another token, and rows too many or too few, with what is wrong."""
    symbols = contents.dictionary.symbols
    tokens = tokenizer.convert_ids_to_tokens(list(range(len(symbols))))
    wrong = {
        symbol: f"{index}: {symbol!r} became {token!r}"
        for index, (symbol, token) in enumerate(zip(symbols, tokens, strict=True))
        if symbol != token
    }
    if len(tokenizer) != len(symbols):
        wrong[""] = f"{len(tokenizer)} tokens for {len(symbols)} symbols"
    return wrong


def wrong_texts(expected: Vocabulary, tokenizer: PreTrainedTokenizerBase) -> Iterator[str]:
    """Texts that get other ids than from fairseq, and ids that become another text."""
    for text, ids in expected.encodings.items():
        found = _encoded(text, tokenizer)
        if found != ids:
            yield f"{text!r} becomes {found}, not {ids}"
    for ids, text in expected.decodings.items():
        said = tokenizer.decode(list(ids), skip_special_tokens=True)
        if said != text:
            yield f"{ids} become {said!r}, not {text!r}"


_Found = tuple[Aspect, tuple[str, ...], Sequence[str]]


def _encoded(text: str, tokenizer: PreTrainedTokenizerBase) -> object:
    try:
        return tuple(tokenizer(text).input_ids)
    except Exception as error:
        return f"an error, {' '.join(str(error).split())[:100]!r}"


def _as_one(
    differences: Sequence[Difference], tokenizer: PreTrainedTokenizerBase
) -> tuple[Difference, ...]:
    """Another class of tokenizer is one cause, whatever follows from it."""
    name = type(tokenizer).__name__
    follows = [wrong for difference in differences for wrong in difference.wrong]
    wrong = (f"it is a {name}, which is made for another model", *follows)
    return (Difference(aspect="rows", keys=(FILE, f"{CONFIG}.tokenizer_class"), wrong=wrong),)


def _wrong_vocabulary(expected: Vocabulary, tokenizer: PreTrainedTokenizerBase) -> Iterator[_Found]:
    rows = wrong_rows(expected.contents, tokenizer)
    yield "rows", (FILE,), tuple(rows.values())
    named = _wrong_names(tokenizer)
    symbols = {symbol for wanted, found, _ in named.values() for symbol in (wanted, found)}
    if not tokenizer.all_special_tokens:
        symbols |= expected.form.added.keys()
        yield "special tokens", (f"{CONFIG}.json",), ("no token is named as special",)
        named = {}
    for key, (_, _, said) in named.items():
        yield "special tokens", (f"{CONFIG}.{key}",), (said,)
    listed = _wrong_special(expected, tokenizer, symbols, too_many="" in rows)
    yield "special tokens", (EXTRA,), tuple(listed.values())
    if getattr(tokenizer, "backend_tokenizer", None) is not None:
        explained = {*rows, *symbols, *listed}
        yield from _wrong_form(expected, tokenizer, explained)


def _wrong_names(tokenizer: PreTrainedTokenizerBase) -> dict[str, tuple[str, str | None, str]]:
    """Keys that name another token than fairseq's: what they should name, and what they do."""
    found = {key: getattr(tokenizer, key) for key in NAMES}
    return {
        key: (expected, found[key], f"{found[key]!r}, not {expected!r}")
        for key, expected in zip(NAMES, SPECIAL_SYMBOLS, strict=True)
        if found[key] != expected
    }


def _wrong_special(
    expected: Vocabulary,
    tokenizer: PreTrainedTokenizerBase,
    explained: Iterable[str | None],
    *,
    too_many: bool,
) -> dict[str, str]:
    """Tokens that decoding drops or prints although it should not.

    Args:
        expected: What the checkpoint implies.
        tokenizer: The folder's tokenizer.
        explained: Tokens that have another fault.
        too_many: There are more rows than symbols: tokens without a symbol are theirs.
    """
    wanted, found = set(expected.form.added), set(tokenizer.all_special_tokens)
    if too_many:
        found &= {*expected.contents.dictionary.symbols}
    tags = {
        expected.contents.dictionary.symbols[index]: f"decoding prints the tag of {lang}"
        for lang, index in expected.contents.language_tags.items()
    }
    wrong = {
        **{token: tags.get(token, f"decoding prints {token!r}") for token in wanted - found},
        **{token: f"decoding drops {token!r}" for token in found - wanted},
    }
    return {token: wrong[token] for token in sorted(wrong.keys() - set(explained))}


def _wrong_form(
    expected: Vocabulary, tokenizer: PreTrainedTokenizerBase, explained: Iterable[str | None]
) -> Iterator[_Found]:
    wanted = expected.form
    found = read_form(json.loads(tokenizer.backend_tokenizer.to_str()))
    explained = set(explained)
    for key in STEPS:
        if found.steps[key] != wanted.older_steps.get(key):
            yield "settings", *_part(key, _other_steps(wanted.steps[key], found.steps[key]))
    yield "settings", *_part("post_processor", _wrong_frame(wanted, found, explained))
    yield "settings", *_part("added_tokens", tuple(_wrong_added(wanted, found, explained)))
    if wanted.model != found.model:
        yield "settings", *_part("model", _other(wanted.model, found.model))
    elif wanted.model["type"] == "BPE":
        yield "rows", *_part("model", _other_merges(wanted.merges, found.merges))
    else:
        yield "rows", (FILE,), tuple(_wrong_scores(wanted, found, explained))


def _part(key: str, wrong: Sequence[str]) -> tuple[tuple[str, ...], Sequence[str]]:
    return (f"tokenizer.{key}", FILE), wrong


def _other(wanted: object, found: object) -> tuple[str, ...]:
    if wanted == found:
        return ()
    return (f"it is {_brief(found)}, not {_brief(wanted)}",)


def _other_steps(wanted: Sequence[object], found: Sequence[object]) -> tuple[str, ...]:
    if wanted == found:
        return ()
    more = [f"it has {_brief(step)}" for step in found if step not in wanted]
    less = [f"it lacks {_brief(step)}" for step in wanted if step not in found]
    return (*more, *less) or (f"its steps are {_brief(found)}, not {_brief(wanted)}",)


def _brief(said: object) -> str:
    text = json.dumps(said, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:90]}… ({len(text)} characters)"


def _wrong_frame(
    wanted: TokenizerForm, found: TokenizerForm, explained: set[str | None]
) -> tuple[str, ...]:
    """What stands around a text; other ids of the right tokens are a matter of wrong rows."""
    same = len(wanted.frame) == len(found.frame) and all(
        one == other or _is_same_token(one, other, explained)
        for one, other in zip(wanted.frame, found.frame, strict=True)
    )
    return () if same else _other(wanted.frame, found.frame)


def _is_same_token(one: Any, other: Any, explained: set[str | None]) -> bool:
    if TEXT in (one[0], other[0]) or one[-1] != other[-1]:
        return False
    return bool(one[0] == other[0] or (one[1] == other[1] and one[1] in explained))


def _wrong_added(
    wanted: TokenizerForm, found: TokenizerForm, explained: set[str | None]
) -> Iterator[str]:
    for token in sorted({*wanted.added, *found.added} - explained):
        one, other = wanted.added.get(token), found.added.get(token)
        if one is None and "" in explained and token not in wanted.scores:
            continue  # a row too many
        if one != other:
            yield f"{token!r} is {_flagged(other)}, not {_flagged(one)}"


def _flagged(flags: JsonObject | None) -> str:
    if flags is None:
        return "no token of its own"
    return " and ".join(sorted(flags)) or "an ordinary token"


def _other_merges(
    wanted: Sequence[tuple[str, ...]], found: Sequence[tuple[str, ...]]
) -> tuple[str, ...]:
    if wanted == found:
        return ()
    pairs = zip(wanted, found, strict=False)
    index = next((i for i, pair in enumerate(pairs) if pair[0] != pair[1]), None)
    if index is None:
        return (f"it merges {len(found)} pairs, not {len(wanted)}",)
    return (f"merge {index} is {found[index]}, not {wanted[index]}",)


def _wrong_scores(
    wanted: TokenizerForm, found: TokenizerForm, explained: set[str | None]
) -> Iterator[str]:
    """Rows whose score is not the sentencepiece model's, where the tokenizer scores rows."""
    for piece, score in wanted.scores.items():
        actual = found.scores.get(piece)
        # `tokenizers` reads numbers from a file up to their last bit.
        if piece not in explained and (
            actual is None or not math.isclose(actual, score, rel_tol=SCORE_ROUNDING)
        ):
            yield f"{piece!r} has the score {actual}, not {score}"
