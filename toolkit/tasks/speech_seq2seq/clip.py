"""Runs both models on one clip and measures everything that a verdict needs of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from toolkit.audio import Clip
from toolkit.compare.metrics import relative_error
from toolkit.compare.pictures import Sketchbook
from toolkit.core.tokens import TokenComparison
from toolkit.oracle.asking import ScoredTokens
from toolkit.oracle.reference import ENCODER, Reference
from toolkit.oracle.remembering import remembering
from toolkit.oracle.rows import a_second
from toolkit.oracle.search import BEAM, capped, with_beam
from toolkit.tasks.speech.hearing import SpeechBench
from toolkit.tasks.speech.run import NAN, HeardRun, Replayed, hear
from toolkit.tasks.speech.words import compare_words
from toolkit.trial.effort import FULL, Effort

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class ClipRun(HeardRun):
    """What both models made of one clip, searches with a beam among it."""

    encoder: float = NAN
    """Encoder output in float32, attention computed step by step on both sides."""
    beam: tuple[TokenComparison, ...] = ()


def run_clip(
    bench: SpeechBench,
    clip: Clip,
    *,
    tag: int | None,
    effort: Effort = FULL,
    prefix: tuple[int, ...] | None = None,
    book: Sketchbook | None = None,
) -> ClipRun:
    """Runs both models on one clip; see `toolkit.tasks.speech.run.hear`."""
    with remembering(*_encoders(bench)):
        run, replayed = hear(bench, clip, tag=tag, effort=effort, prefix=prefix, book=book)
        beam = tuple(_compare_beams(bench, run.source, tag)) if effort.beamed else ()
    return ClipRun(**vars(run), encoder=_encoder(replayed), beam=beam)


def _encoders(bench: SpeechBench) -> Iterator[nn.Module]:
    """What hears on either side; a recording has heard already."""
    yield bench.target.model.get_encoder()
    if isinstance(bench.reference, Reference):
        yield bench.reference.model.get_submodule(ENCODER)


def _encoder(replayed: Replayed | None) -> float:
    if replayed is None:
        return NAN
    expected, actual = replayed.expected.outputs, replayed.actual.outputs
    return relative_error(expected["encoder_out"], actual["encoder_out"])


def _compare_beams(
    bench: SpeechBench, source: Tensor, tag: int | None
) -> Iterator[TokenComparison]:
    """Rank by rank; where one side has no hypothesis of a rank, it says nothing, scored NaN."""
    search = with_beam(capped(bench.search, len(source), a_second(source)), BEAM)
    expected = bench.reference.search(source, search, tag)
    actual = bench.target.search(source, search, tag)
    nothing = ScoredTokens(tokens=(), score=NAN)
    for left, right in zip_longest(expected, actual, fillvalue=nothing):
        yield compare_words(bench, left, right, margin=None)
