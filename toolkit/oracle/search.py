"""How to search for a hypothesis; data alone, so that who only plans needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace

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


def with_beam(search: Search, beam: int) -> Search:
    """The same search with another beam."""
    return replace(search, beam=beam)
