"""What somebody else's decoder says to a clip, beside what fairseq says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields

from toolkit.core.measures import Level, Measure
from toolkit.tasks.speech.levels import float32_tolerance, rounded_measure, worst
from toolkit.tasks.speech.outside import ENCODED, OutsideRun
from toolkit.tasks.speech_seq2seq.clip import ClipRun
from toolkit.tasks.speech_seq2seq.dynamic import beam_level

LOGITS = "logits"


def judge_logits(runs: Sequence[OutsideRun]) -> Level:
    """Whether teacher-forced logits, and what the encoder gives, are fairseq's, in float32."""
    found = tuple(_measures(runs))
    said = (f"{m.name} within {m.error:.1e} of the largest on {m.where}" for m in found)
    return Level(name=LOGITS, measures=found, summary="; ".join(said))


def judge_beam(runs: Sequence[OutsideRun]) -> Level:
    """Whether a beam search finds fairseq's hypotheses in their order, with their scores."""
    return beam_level([_as_run(run) for run in runs])


def _measures(runs: Sequence[OutsideRun]) -> Iterator[Measure]:
    given = {name for run in runs for name in run.given}
    if LOGITS in given:
        yield rounded_measure(LOGITS, runs)
    if ENCODED in given:
        tolerance = float32_tolerance(runs)
        yield worst("float32 encoder output", runs, lambda run: run.encoder, tolerance)


def _as_run(run: OutsideRun) -> ClipRun:
    return ClipRun(**{field.name: getattr(run, field.name) for field in fields(ClipRun)})
