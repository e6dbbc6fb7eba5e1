"""The ten levels of a CTC model, from tensors to letters."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from toolkit.core.measures import Level
from toolkit.tasks.base import LevelKind, Measurements
from toolkit.tasks.speech.kinds import (
    CONFIG,
    FRONT_END,
    MODULES,
    RELOAD,
    VOCABULARY,
    WEIGHTS,
)

if TYPE_CHECKING:
    from toolkit.tasks.ctc.clip import CtcRun
    from toolkit.tasks.ctc.target import CtcTarget

Measured: TypeAlias = "Measurements[CtcTarget, CtcRun]"


def _layers(measured: Measured) -> Level:
    from toolkit.tasks.ctc.dynamic import layers_level

    return layers_level(measured.runs, measured.bench.pairing.tolerance())


def _logits(measured: Measured) -> Level:
    from toolkit.tasks.ctc.dynamic import logits_level

    return logits_level(measured.runs, measured.bench.pairing.tolerance())


def _greedy(measured: Measured) -> Level:
    from toolkit.tasks.ctc.dynamic import greedy_level

    return greedy_level(measured.runs)


def _padding(measured: Measured) -> Level:
    from toolkit.tasks.ctc.padding import padding_level

    return padding_level(measured.bench, measured.runs, measured.padding)


LEVELS = (
    WEIGHTS,
    CONFIG,
    VOCABULARY,
    FRONT_END,
    MODULES,
    LevelKind(name="layers", finding="wiring", judge=_layers, judged_on="clip", effort="replayed"),
    LevelKind(name="logits", finding="wiring", judge=_logits, judged_on="clip"),
    LevelKind(
        name="greedy", finding="generation", judge=_greedy, judged_on="clip", effort="searched"
    ),
    LevelKind(name="padding", finding="padding", judge=_padding, judged_on="batch"),
    RELOAD,
)
"""In the order in which a reader wants them."""
