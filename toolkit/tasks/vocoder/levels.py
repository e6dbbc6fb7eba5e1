"""The six levels of a vocoder, from tensors to the waveform of a sequence of units."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from toolkit.core.measures import Level
from toolkit.tasks.base import LevelKind, Measurements
from toolkit.tasks.speech.kinds import CONFIG, MODULES, WEIGHTS, reload_of

if TYPE_CHECKING:
    from toolkit.tasks.vocoder.clip import VocoderRun
    from toolkit.tasks.vocoder.target import VocoderTarget

Measured: TypeAlias = "Measurements[VocoderTarget, VocoderRun]"


def _durations(measured: Measured) -> Level:
    from toolkit.tasks.vocoder.dynamic import durations_level

    return durations_level(measured.runs)


def _waveform(measured: Measured) -> Level:
    from toolkit.tasks.speech.made import waveform_level

    return waveform_level(measured.runs, measured.bench.pairing.tolerance())


WAVEFORM = LevelKind(
    name="waveform", finding="wiring", judge=_waveform, judged_on="clip", end_to_end=True
)
LEVELS = (
    WEIGHTS,
    CONFIG,
    MODULES,
    LevelKind(
        name="durations", finding="wiring", judge=_durations, judged_on="clip", end_to_end=True
    ),
    WAVEFORM,
    reload_of("waveform"),
)
"""In the order in which a reader wants them."""
