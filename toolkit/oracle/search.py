"""How to search for a hypothesis; data alone, so that who only plans needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Sequence, Tuple

BEAM = 5
"""fairseq's own default, with which searches are compared."""


@dataclass(frozen=True)
class Search:
    """How to search for a hypothesis, in fairseq's own terms."""

    beam: int
    lenpen: float = 1.0
    max_len_a: float = 0.0
    max_len_b: int = 200
    min_len: int = 1
    no_repeat_ngram_size: int = 0
    unkpen: float = 0.0
    temperature: float = 1.0
    capped: bool = False
    """Whether `max_len_b` is less than the checkpoint's own limit."""


ALWAYS, PER_SECOND = 24, 15
"""Tokens that a comparison lets a hypothesis have, whatever the clip, and per second of it. Nobody
says as much; a model that does says anything, up to the end of its positions."""
SAMPLES_A_SECOND = 16000


def capped(search: Search, length: int, rate: int = SAMPLES_A_SECOND) -> Search:
    """The same search, its hypotheses no longer than a clip of that length can say.

    Both sides of a comparison stop there, and neither is asked for more. A limit that grows with
    the clip by itself stays.

    Args:
        search: How to search.
        length: Of the clip: samples, or frames.
        rate: How many of those a second has.
    """
    return at_most(search, _most_tokens(length, rate))


def at_most(search: Search, tokens: int) -> Search:
    """The same search, its hypotheses no longer than so many tokens and their end.

    A limit that grows with the clip by itself stays.
    """
    cap = max(tokens, search.min_len)
    if search.max_len_a or search.max_len_b <= cap:
        return search
    return replace(search, max_len_b=cap, capped=True)


def shortened(prefix: Sequence[int], length: int, rate: int = SAMPLES_A_SECOND) -> Tuple[int, ...]:
    """What a decoder is given with a row of a padded batch: no more than such a row can say.

    Args:
        prefix: What it is given with the whole clip, the start token first.
        length: Of the row: samples, or frames.
        rate: How many of those a second has.
    """
    return tuple(prefix[: 1 + _most_tokens(length, rate)])


def _most_tokens(length: int, rate: int) -> int:
    return ALWAYS + PER_SECOND * length // rate


def with_beam(search: Search, beam: int) -> Search:
    """The same search with another beam."""
    return replace(search, beam=beam)
