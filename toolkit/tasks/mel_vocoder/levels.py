"""The six levels of a vocoder, from tensors to the waveform of a clip's spectrogram."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from toolkit.tasks.base import deferred
from toolkit.tasks.speech.kinds import CONFIG, MODULES, OUTSIDE, SOUND, WEIGHTS, reload_of
from toolkit.tasks.vocoder.levels import WAVEFORM

LEVELS = (
    WEIGHTS,
    CONFIG,
    SOUND,
    MODULES,
    replace(
        WAVEFORM,
        outside=partial(deferred(OUTSIDE, "judge_result"), "waveform"),
        told_by=("waveform",),
    ),
    reload_of("waveform"),
)
"""In the order in which a reader wants them."""
