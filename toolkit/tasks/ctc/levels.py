"""The ten levels of a CTC model, from tensors to letters."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from toolkit.core.measures import Level
from toolkit.tasks.base import LevelKind, Measurements
from toolkit.tasks.speech.kinds import (
    CONFIG,
    FRONT_END,
    GREEDY,
    LAYERS,
    LOGITS,
    MODULES,
    RELOAD,
    VOCABULARY,
    WEIGHTS,
)

if TYPE_CHECKING:
    from toolkit.tasks.ctc.clip import CtcRun
    from toolkit.tasks.ctc.target import CtcTarget

Measured: TypeAlias = "Measurements[CtcTarget, CtcRun]"


def _greedy(measured: Measured) -> Level:
    from toolkit.tasks.ctc.dynamic import greedy_level

    return greedy_level(measured.runs)


def _padding(measured: Measured) -> Level:
    from toolkit.tasks.speech.padding import frames_level

    return frames_level(measured.bench, measured.runs, measured.padding, "logits")


LEVELS = (
    WEIGHTS,
    CONFIG,
    VOCABULARY,
    FRONT_END,
    MODULES,
    LAYERS,
    LOGITS,
    replace(GREEDY, judge=_greedy),
    LevelKind(name="padding", finding="padding", judge=_padding, judged_on="batch"),
    RELOAD,
)
"""In the order in which a reader wants them."""
