"""Settings of a loaded tokenizer that change what its user, or its processor's, gets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from toolkit.compare.differences import Aspect
from toolkit.core.json import JsonObject
from toolkit.folder.contents import FolderContents

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_CONFIG = "tokenizer_config"
_OWN_CLASS = "FairseqTokenizerFast"
_CALL_DEFAULTS: JsonObject = {
    "is_split_into_words": False,
    "padding": False,
    "return_overflowing_tokens": False,
    "return_tensors": None,
    "text_pair": None,
    "text_target": None,
}
"""What a processor hands to its tokenizer with every text, if the tokenizer was made with it."""


def wrong_settings(
    contents: FolderContents, tokenizer: PreTrainedTokenizerBase
) -> Iterator[tuple[Aspect, tuple[str, ...], tuple[str, ...]]]:
    """Aspect, keys and what is wrong of every setting that is not as fairseq treats texts."""
    for key, find in SETTINGS.items():
        for wrong in find(contents, tokenizer):
            yield "settings", (f"{_CONFIG}.{key}",), (wrong,)
    made_with = getattr(tokenizer, "init_kwargs", {})
    for key, default in _CALL_DEFAULTS.items():
        if made_with.get(key, default) not in (default, None):
            said = f"a processor encodes every text with {key}={made_with[key]!r}"
            yield "settings", (f"{_CONFIG}.{key}",), (said,)


def maybe_cut(contents: FolderContents, tokenizer: PreTrainedTokenizerBase) -> object:
    """The length at which a processor cuts labels, if it is less than that of the longest target.

    The last call before a tokenizer was saved leaves it behind; a call of the tokenizer itself sets
    its own.
    """
    longest = getattr(tokenizer, "init_kwargs", {}).get("max_length")
    return longest if longest is not None and any(_too_short(longest, contents)) else None


def is_foreign(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether its class does anything in another way than a plain fast tokenizer or our own."""
    from transformers import PreTrainedTokenizerFast

    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        return True
    classes = type(tokenizer).__mro__
    own = classes[: classes.index(PreTrainedTokenizerFast)]
    if own and own[0].__name__ == _OWN_CLASS:
        return False
    return any(_overrides(kind, PreTrainedTokenizerFast) for kind in own)


def _overrides(kind: type, base: type) -> bool:
    return any(
        hasattr(base, name) and (callable(value) or isinstance(value, property))
        for name, value in vars(kind).items()
        if not name.startswith("__") or name == "__call__"
    )


def _padding_side(_: FolderContents, tokenizer: PreTrainedTokenizerBase) -> Iterator[str]:
    if tokenizer.padding_side != "right":
        yield f"{tokenizer.padding_side!r}, not 'right'"


def _truncation_side(_: FolderContents, tokenizer: PreTrainedTokenizerBase) -> Iterator[str]:
    if tokenizer.truncation_side != "right":
        yield f"{tokenizer.truncation_side!r}, not 'right'"


def _split_special_tokens(_: FolderContents, tokenizer: PreTrainedTokenizerBase) -> Iterator[str]:
    if getattr(tokenizer, "split_special_tokens", False):
        yield "special tokens in a text are cut like any other text"


def _clean_up(_: FolderContents, tokenizer: PreTrainedTokenizerBase) -> Iterator[str]:
    kind = type(getattr(getattr(tokenizer, "backend_tokenizer", None), "model", None)).__name__
    forced = "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output"
    is_ignored = kind == "BPE" and hasattr(tokenizer, forced) and not getattr(tokenizer, forced)
    if tokenizer.clean_up_tokenization_spaces and not is_ignored:
        yield "decoding removes spaces before punctuation"


def _longest(contents: FolderContents, tokenizer: PreTrainedTokenizerBase) -> Iterator[str]:
    yield from _too_short(tokenizer.model_max_length, contents)


def _too_short(longest: Any, contents: FolderContents) -> Iterator[str]:
    known = isinstance(longest, int | float) and not isinstance(longest, bool)
    if not known or longest < contents.max_positions:
        yield f"{longest!r}, less than the {contents.max_positions} tokens of the longest target"


def _input_names(_: FolderContents, tokenizer: PreTrainedTokenizerBase) -> Iterator[str]:
    names = list(tokenizer.model_input_names)
    if names[:1] != ["input_ids"] or "attention_mask" not in names:
        yield f"{names}, without `input_ids` first and `attention_mask`"


SETTINGS: Mapping[str, Callable[[FolderContents, PreTrainedTokenizerBase], Iterator[str]]] = {
    "padding_side": _padding_side,
    "truncation_side": _truncation_side,
    "split_special_tokens": _split_special_tokens,
    "clean_up_tokenization_spaces": _clean_up,
    "model_max_length": _longest,
    "model_input_names": _input_names,
}
"""What finds a wrong value, by the key of `tokenizer_config.json` that gives it."""
