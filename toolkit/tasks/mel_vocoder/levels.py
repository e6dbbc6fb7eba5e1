"""The six levels of a vocoder, from tensors to the waveform of a clip's spectrogram."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from toolkit.core.measures import Level
from toolkit.tasks.base import LevelKind, Measurements, deferred
from toolkit.tasks.speech.kinds import CONFIG, FRONT_END, MODULES, OUTSIDE, RELOAD, WEIGHTS

if TYPE_CHECKING:
    from toolkit.tasks.mel_vocoder.target import MelVocoderTarget
    from toolkit.tasks.speech.run import HeardRun

Measured: TypeAlias = "Measurements[MelVocoderTarget, HeardRun]"


def _front_end(measured: Measured) -> Level:
    from toolkit.tasks.speech.levels import sound_level

    return sound_level(measured.runs)


def _waveform(measured: Measured) -> Level:
    from toolkit.tasks.speech.made import waveform_level

    return waveform_level(measured.runs, measured.bench.pairing.tolerance())


def _reload(measured: Measured) -> Level:
    from toolkit.tasks.speech.reload import saved_level

    runs = [run for run in measured.runs if run.effort.replayed]
    return saved_level(measured.bench.target, measured.contents, measured.plan, runs, "waveform")


LEVELS = (
    WEIGHTS,
    CONFIG,
    replace(FRONT_END, judge=_front_end),
    MODULES,
    LevelKind(
        name="waveform",
        finding="wiring",
        judge=_waveform,
        judged_on="clip",
        end_to_end=True,
        outside=partial(deferred(OUTSIDE, "judge_result"), "waveform"),
        told_by=("waveform",),
    ),
    replace(RELOAD, judge=_reload),
)
"""In the order in which a reader wants them."""
