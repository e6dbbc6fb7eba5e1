"""The ten levels of a speech-to-text model, from tensors to tokens."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from toolkit.core.measures import Level
from toolkit.tasks.base import LevelKind, Measurements, deferred
from toolkit.tasks.speech.kinds import (
    CONFIG,
    FRONT_END,
    GREEDY,
    LOGITS,
    MODULES,
    RELOAD,
    VOCABULARY,
    WEIGHTS,
)

if TYPE_CHECKING:
    from toolkit.tasks.speech_seq2seq.clip import ClipRun
    from toolkit.tasks.speech_seq2seq.target import Seq2SeqTarget

_OUTSIDE = "toolkit.tasks.speech_seq2seq.outside"

Measured: TypeAlias = "Measurements[Seq2SeqTarget, ClipRun]"


def _logits(measured: Measured) -> Level:
    from toolkit.tasks.speech_seq2seq.dynamic import logits_level

    return logits_level(measured.runs, measured.bench.pairing.tolerance())


def _beam(measured: Measured) -> Level:
    from toolkit.tasks.speech_seq2seq.dynamic import beam_level

    return beam_level(measured.runs)


def _padding(measured: Measured) -> Level:
    from toolkit.tasks.speech_seq2seq.padding import padding_level

    return padding_level(
        measured.bench, measured.runs, measured.padding, thorough=measured.thorough
    )


LEVELS = (
    WEIGHTS,
    CONFIG,
    VOCABULARY,
    FRONT_END,
    MODULES,
    replace(
        LOGITS,
        judge=_logits,
        outside=deferred(_OUTSIDE, "judge_logits"),
        told_by=("logits", "encoder_out"),
    ),
    GREEDY,
    replace(
        GREEDY,
        name="beam",
        judge=_beam,
        effort="beamed",
        outside=deferred(_OUTSIDE, "judge_beam"),
        told_by=("hypotheses",),
    ),
    LevelKind(name="padding", finding="padding", judge=_padding, judged_on="batch"),
    RELOAD,
)
"""In the order in which a reader wants them."""
