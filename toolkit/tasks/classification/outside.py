"""Which class somebody else's code says that a clip is of, beside what fairseq says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from toolkit.core.measures import Level, Measure
from toolkit.handoff.answer import TEXT, Answer
from toolkit.oracle.tasks.classification import best_classes
from toolkit.tasks.classification.dynamic import labels_measure, orders_measure
from toolkit.tasks.speech import outside
from toolkit.tasks.speech.outside import OutsideRun, Question

LOGITS = "logits"


def compare_answer(question: Question, answer: Answer) -> OutsideRun:
    """How far an answer is from fairseq's; its best classes are those of its logits.

    Args:
        question: The clip.
        answer: What was said to it.
    """
    run = outside.compare_answer(question, answer)
    logits = answer.arrays.get(LOGITS)
    if logits is None or logits.shape != question.expected.logits.shape:
        return run
    said = best_classes(torch.from_numpy(logits[0])).tokens
    return replace(run, greedy=replace(run.said, converted=said))


def judge_label(runs: Sequence[OutsideRun]) -> Level:
    """Whether the best classes come in fairseq's order, and whether every label is fairseq's."""
    found = tuple(_measures(runs))
    said = (f"{int(m.error)} of {m.compared} {m.name}" for m in found)
    return Level(name="label", measures=found, summary="; ".join(said))


def _measures(runs: Sequence[OutsideRun]) -> Iterator[Measure]:
    given = {name for run in runs for name in run.given}
    if LOGITS in given:
        yield orders_measure(runs)
    if TEXT in given:
        yield labels_measure(runs)
