"""Runs both models on one clip and measures everything that a verdict needs of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from toolkit.audio import Clip
from toolkit.compare.pictures import Sketchbook
from toolkit.core.tokens import TokenComparison
from toolkit.oracle.tasks.classification import best_classes
from toolkit.tasks.classification.target import ClassTarget
from toolkit.tasks.speech.hearing import Heard, listen
from toolkit.tasks.speech.layers import LayeredRun, layer_errors
from toolkit.tasks.speech.run import Fused, HeardRun, compare_passes
from toolkit.tasks.speech.words import maybe_said, smallest_margin
from toolkit.trial.bench import Bench
from toolkit.trial.effort import FULL, Effort

ClassBench = Bench[ClassTarget]


@dataclass(frozen=True, kw_only=True)
class ClassRun(LayeredRun):
    """What both models made of one clip; `greedy` are its best classes, best first."""


def run_clip(
    bench: ClassBench,
    clip: Clip,
    *,
    tag: int | None,
    effort: Effort = FULL,
    prefix: tuple[int, ...] | None = None,  # noqa: ARG001
    book: Sketchbook | None = None,
) -> ClassRun:
    """Runs both models on one clip, on identical arrays but for the front ends themselves.

    Args:
        bench: The models.
        clip: The audio.
        tag: None: there are no language tags.
        effort: What is compared; the classes are compared whatever it says.
        prefix: Of no use: there is no decoder.
        book: Where to draw what is compared.
    """
    heard = listen(bench, clip, tag=tag, prefix=())
    fused = Fused(bench, heard)
    run, replayed = compare_passes(bench, heard, fused, effort=effort, book=book)
    run = replace(run, greedy=_compare_classes(bench, fused))
    if effort.piped:
        run = _with_pipeline(bench, heard, run)
    return ClassRun(**vars(run), layers=layer_errors(replayed))


def _compare_classes(bench: ClassBench, fused: Fused) -> TokenComparison:
    """The best classes of both sides, with the label that each gives the clip."""
    expected, actual = best_classes(fused.expected[0]), best_classes(fused.actual[0])
    return TokenComparison(
        reference=expected.tokens,
        converted=actual.tokens,
        reference_text=bench.reference.text(expected.tokens),
        converted_text=bench.target.text(actual.tokens),
        reference_score=expected.score,
        converted_score=actual.score,
        margin=smallest_margin(fused.expected),
    )


def _with_pipeline(bench: ClassBench, heard: Heard, run: HeardRun) -> HeardRun:
    """The run with what a user hears through the pipeline."""
    label = bench.target.pipeline_label(heard.waveform)
    explained = label in (run.said.reference_text, run.said.converted_text)
    given = (heard.own_source, heard.search, heard.tag)
    other = None if explained else maybe_said(bench.reference, *given)
    return replace(run, pipeline_text=label, pipeline_reference_text=other)
