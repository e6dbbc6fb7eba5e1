"""What of a folder that is searched for tokens can be broken beside its weights."""

# The tables keep their columns.
# ruff: noqa: E501

from __future__ import annotations

from functools import partial

from toolkit.core import slips
from toolkit.core.breakable import Breakable, joined
from toolkit.core.slips import GENERATION, Invention, Right, Value, other, others, plus
from toolkit.tasks.speech import breakable

_slip = partial(slips.slip, file=GENERATION)
_invention = partial(Invention, file=GENERATION)


def other_languages(right: Right) -> tuple[Value, ...]:
    """Two other languages, and no language but the beginning of a sentence."""
    others = [index for index in right.tags.values() if index != right.value]
    return (*others[:1], *others[1:][-1:], int(right.config["bos_token_id"]))


def shorter(right: Right) -> tuple[Value, ...]:
    """A little less, and much less."""
    return (right.value - 1, right.value // 16)


def suppressions(right: Right) -> tuple[Value, ...]:
    """Nothing suppressed, another token than the right one, and the end of the text as well."""
    eos = int(right.config["eos_token_id"])
    return ([], [index + 2 for index in right.value], [*right.value, eos])


# fmt: off
SEARCH = Breakable(
    slips=(
        _slip("forced_bos_token_id",    "language_changed",         other_languages,         "wrong_language", absent=True),
        _slip("decoder_start_token_id", "start_token_changed",      others(0, 3),            "wrong_start_token", absent=True),
        _slip("forced_eos_token_id",    "generation_token_changed", plus(2),                 absent=True),
        _slip("eos_token_id",           "generation_token_changed", plus(3),                 absent=True),
        _slip("pad_token_id",           "generation_token_changed", plus(2)),
        _slip("bos_token_id",           "generation_token_changed", plus(3)),
        _slip("max_length",             "length_changed",           shorter,                 absent=True),
        _slip("num_beams",              "search_changed",           others(1, 4),            absent=True),
        _slip("length_penalty",         "search_changed",           others(0.0, 2.0)),
        _slip("early_stopping",         "search_changed",           others(False, "never"),  absent=True),
        _slip("no_repeat_ngram_size",   "search_changed",           other(3, 0)),
        _slip("suppress_tokens",        "suppression_changed",      suppressions,            absent=True),
    ),
    inventions=(
        _invention(path="do_sample",             value=True),
        _invention(path="repetition_penalty",    value=1.5),
        _invention(path="min_length",            value=50),
        _invention(path="begin_suppress_tokens", value=[4]),
    ),
    vocabularies=("tokenizer.json",),
)
# fmt: on

BREAKABLE = joined((SEARCH, breakable.BREAKABLE))
"""The files of search, feature extractor and tokenizer."""
FILTERED = joined((SEARCH, breakable.FILTER_BANKS))
"""The same where filter banks are heard."""
