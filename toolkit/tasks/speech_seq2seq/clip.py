"""Runs both models on one clip and measures everything that a verdict needs of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from toolkit.audio import Clip
from toolkit.compare.metrics import relative_error
from toolkit.compare.pictures import Sketchbook
from toolkit.core.result import TokenComparison
from toolkit.oracle.asking import ScoredTokens
from toolkit.oracle.search import BEAM, with_beam
from toolkit.tasks.speech.run import NAN, HeardRun, SpeechBench, compare_words, hear

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class ClipRun(HeardRun):
    """What both models made of one clip, searches with a beam among it."""

    encoder: float
    """Encoder output in float32, attention computed step by step on both sides."""
    beam: tuple[TokenComparison, ...]


def run_clip(
    bench: SpeechBench,
    clip: Clip,
    *,
    tag: int | None,
    beam: bool = True,
    book: Sketchbook | None = None,
) -> ClipRun:
    """Runs both models on one clip; see `toolkit.tasks.speech.run.hear`.

    Args:
        bench: The models.
        clip: The audio.
        tag: Language tag to begin with, None where the task prepends none.
        beam: Whether to compare searches with a beam.
        book: Where to draw what is compared.
    """
    run, passes = hear(bench, clip, tag=tag, book=book)
    expected, actual = passes.expected.outputs, passes.actual.outputs
    return ClipRun(
        **vars(run),
        encoder=relative_error(expected["encoder_out"], actual["encoder_out"]),
        beam=tuple(_compare_beams(bench, run.source, tag)) if beam else (),
    )


def _compare_beams(
    bench: SpeechBench, source: Tensor, tag: int | None
) -> Iterator[TokenComparison]:
    """Rank by rank; where one side has no hypothesis of a rank, it says nothing, scored NaN."""
    search = with_beam(bench.search, BEAM)
    expected = bench.reference.search(source, search, tag)
    actual = bench.target.search(source, search, tag)
    nothing = ScoredTokens(tokens=(), score=NAN)
    for left, right in zip_longest(expected, actual, fillvalue=nothing):
        yield compare_words(bench, left, right, margin=None)
