"""A CTC folder's tokenizer against the rows of the dictionary, and against fairseq's texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.checkpoint.dictionary import SPECIAL_SYMBOLS
from toolkit.compare.differences import Aspect, Difference, aspect_measures
from toolkit.core.measures import Level
from toolkit.folder.contents import FolderContents
from toolkit.oracle.asking import AnyReference
from toolkit.tasks.ctc.letters import BLANK, DELIMITER, SETTINGS, SILENT_START, VOCAB, tokens_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


CONFIG = "tokenizer_config"
EXTRA = f"{CONFIG}.extra_special_tokens"
NAMES = ("bos_token", "eos_token", "pad_token", "unk_token")
_BESIDE = ("word_delimiter_token", "replace_word_delimiter_char", "do_lower_case")
_PADDING_SIDE = "right"
_TASK = "fairseq's task and dictionary"
"""What says how letters are written, beside the rows."""
ROWS_FIX = (
    f"give every token of `{VOCAB}`, and of `{CONFIG}.added_tokens_decoder` where it is named, the "
    f"number of its row in the dictionary, `{BLANK}` that of fairseq's `{SILENT_START}` and the "
    "other way round"
)
MAX_CHUNK = 60
"""Letters of one text in which all are tried."""


@dataclass(frozen=True, kw_only=True)
class Letters:
    """What the checkpoint implies of a tokenizer of letters."""

    tokens: tuple[str, ...]
    """By id."""
    encodings: Mapping[str, tuple[int, ...]]
    """Texts and the ids that fairseq gives their letters."""
    decodings: Mapping[tuple[int, ...], str]
    """Ids and the text that fairseq makes of them."""
    said_by: str = "the rows of the dictionary"
    file: str = VOCAB

    def compare(self, tokenizer: PreTrainedTokenizerBase | None) -> tuple[Difference, ...]:
        """Everything that differs, each cause once; texts only where nothing else explains them."""
        if tokenizer is None:
            return (Difference(aspect="rows", keys=(VOCAB,), wrong=("no tokenizer loads",)),)
        found = tuple(d for d in self._differences(tokenizer) if d.wrong)
        if _is_foreign(tokenizer):
            return (_as_one(found, tokenizer),)
        texts = () if found else tuple(self._wrong_texts(tokenizer))
        return (Difference(aspect="texts", keys=(VOCAB,), wrong=texts),) if texts else found

    def judge(self, differences: Sequence[Difference]) -> Level:
        """The level that these differences make; it passes exactly if there are none."""
        compared: dict[Aspect, int] = {
            "rows": len(self.tokens),
            "special tokens": len(NAMES),
            "settings": len(_BESIDE) + 2,
            "texts": len(self.encodings) + len(self.decodings),
        }
        summary = "; ".join(f"{d.keys[0]}: {d.wrong[0]}" for d in differences[:3])
        return Level(
            name="vocabulary",
            measures=aspect_measures(differences, compared),
            summary=summary
            or f"{len(self.tokens)} ids as the dictionary has rows, fairseq's `<s>` as the blank; "
            f"{len(self.encodings)} texts encoded and decoded alike",
        )

    def maybe_cut(self, tokenizer: PreTrainedTokenizerBase) -> object:
        """Labels of letters are never cut by a length that a call left behind."""
        return getattr(tokenizer, "init_kwargs", {}).get("max_length")

    def _differences(self, tokenizer: PreTrainedTokenizerBase) -> Iterator[Difference]:
        rows = tuple(self._wrong_rows(tokenizer))
        yield Difference(aspect="rows", keys=(VOCAB,), wrong=rows, fix=ROWS_FIX)
        for key in NAMES:
            yield _difference("special tokens", key, getattr(tokenizer, key, None), SETTINGS[key])
        dropped = tuple(self._dropped(tokenizer))
        leave_out = f"leave `{EXTRA}` out"
        yield Difference(
            aspect="special tokens", keys=(EXTRA,), wrong=dropped, said_by=_TASK, fix=leave_out
        )
        for key in _BESIDE:
            yield _difference("settings", key, _said(tokenizer, key), SETTINGS[key])
        cleans = bool(tokenizer.clean_up_tokenization_spaces)
        yield _difference("settings", "clean_up_tokenization_spaces", cleans, False)
        yield _difference("settings", "padding_side", tokenizer.padding_side, _PADDING_SIDE)

    def _wrong_rows(self, tokenizer: PreTrainedTokenizerBase) -> Iterator[str]:
        ids = tokenizer.get_vocab()
        found = tokenizer.convert_ids_to_tokens(list(range(len(self.tokens))))
        for row, (expected, actual) in enumerate(zip(self.tokens, found, strict=True)):
            if expected == actual and ids.get(expected) != row:
                yield f"{row}: {expected!r} has the id {ids.get(expected)}"
            elif expected != actual:
                # Where no token has an id, the tokenizer says that it is unknown.
                became = f"became {actual!r}" if ids.get(actual) == row else "is missing"
                yield f"{row}: {expected!r} {became}"
        # A delimiter that is no symbol gets an id of its own, which no frame can say.
        known = {*self.tokens, DELIMITER, _said(tokenizer, _BESIDE[0]), *_extra(tokenizer)}
        more = sorted(set(ids) - known)
        if more:
            tokens = "token" if len(more) == 1 else "tokens"
            yield f"{len(more)} {tokens} more than symbols: {', '.join(map(repr, more[:5]))}"

    def _dropped(self, tokenizer: PreTrainedTokenizerBase) -> Iterator[str]:
        """Symbols that decoding drops where a user asks for a text without special tokens.

        What is no symbol gets an id of its own instead.
        """
        for token in _extra(tokenizer):
            if token in self.tokens:
                yield f"decoding without special tokens drops {token!r}"
            else:
                yield f"{token!r} is no symbol, and gets an id that no frame can say"

    def _wrong_texts(self, tokenizer: PreTrainedTokenizerBase) -> Iterator[str]:
        for text, ids in self.encodings.items():
            found = tuple(tokenizer(text).input_ids)
            if found != ids:
                yield f"{text!r} becomes {found}, not {ids}"
        for ids, text in self.decodings.items():
            said = tokenizer.decode(list(ids), group_tokens=False)
            if said != text:
                yield f"{ids} become {said!r}, not {text!r}"


def expect_letters(
    contents: FolderContents, reference: AnyReference, texts: Iterable[str]
) -> Letters:
    """What the checkpoint implies, with fairseq's answers on texts.

    Texts are compared as ids only where every symbol is one letter: others can be cut in several
    ways, and fairseq is never given whole words.

    Raises:
        BadInput: a symbol stands twice in the dictionary.
    """
    tried = {" ".join(text.split()): text for text in (*texts, *probe_texts(contents))}
    encoded = {spaced: reference.encode(text) for spaced, text in tried.items()}
    tokens = tokens_of(contents)
    plain = all(len(token) == 1 for token in tokens[len(SPECIAL_SYMBOLS) :])
    return Letters(
        tokens=tokens,
        encodings=encoded if plain and DELIMITER in tokens else {},
        decodings={ids: reference.text(ids) for ids in encoded.values() if _spells(ids)},
    )


def probe_texts(contents: FolderContents) -> tuple[str, ...]:
    """Texts of all single letters of the dictionary, some at a time, and one of two words."""
    symbols = contents.dictionary.symbols[len(SPECIAL_SYMBOLS) :]
    letters = "".join(s for s in symbols if len(s) == 1 and s != DELIMITER and not s.isspace())
    chunks = (letters[at : at + MAX_CHUNK] for at in range(0, len(letters), MAX_CHUNK))
    return (*chunks, " ".join((letters[:3], letters[:3])))


def _spells(ids: Iterable[int]) -> bool:
    """Whether every symbol is one of a text."""
    return all(index >= len(SPECIAL_SYMBOLS) for index in ids)


def _extra(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Special tokens beside those that have names."""
    named = {_said(tokenizer, key) for key in (*NAMES, _BESIDE[0])}
    return sorted(set(tokenizer.all_special_tokens) - named - {DELIMITER})


def _said(tokenizer: PreTrainedTokenizerBase, key: str) -> object:
    """A setting as its file says, or by default.

    transformers 5 makes a delimiter that a file names a special token, and goes on with its own.
    """
    named = getattr(tokenizer, "special_tokens_map", {}).get(key)
    return getattr(tokenizer, key, None) if named is None else named


def _difference(aspect: Aspect, key: str, found: object, expected: object) -> Difference:
    wrong = () if found == expected else (f"{found!r}, not {expected!r}",)
    fix = f"set `{CONFIG}.{key}` to {expected!r}"
    return Difference(aspect=aspect, keys=(f"{CONFIG}.{key}",), wrong=wrong, said_by=_TASK, fix=fix)


def _is_foreign(tokenizer: PreTrainedTokenizerBase) -> bool:
    return type(tokenizer).__name__ != str(SETTINGS["tokenizer_class"])


def _as_one(differences: Sequence[Difference], tokenizer: PreTrainedTokenizerBase) -> Difference:
    """Another class of tokenizer is one cause, whatever follows from it."""
    name = type(tokenizer).__name__
    follows = [wrong for difference in differences for wrong in difference.wrong]
    return Difference(
        aspect="rows",
        keys=(VOCAB, f"{CONFIG}.tokenizer_class"),
        wrong=(f"it is a {name}, which is made for another model", *follows),
        fix=f"set `{CONFIG}.tokenizer_class` to {SETTINGS['tokenizer_class']!r}",
    )
