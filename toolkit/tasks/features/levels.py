"""The eight levels of an encoder that is asked for features."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from toolkit.core.measures import Level
from toolkit.tasks.base import LevelKind, Measurements, deferred
from toolkit.tasks.speech.kinds import (
    CONFIG,
    LAYERS,
    MODULES,
    OUTSIDE,
    SOUND,
    WEIGHTS,
    reload_of,
)

if TYPE_CHECKING:
    from toolkit.tasks.features.clip import FeatureRun
    from toolkit.tasks.features.target import FeatureTarget

Measured: TypeAlias = "Measurements[FeatureTarget, FeatureRun]"


def _outputs(measured: Measured) -> Level:
    from toolkit.tasks.features.dynamic import outputs_level

    return outputs_level(measured.runs, measured.bench.pairing.tolerance(), measured.wanting)


def _padding(measured: Measured) -> Level:
    from toolkit.tasks.speech.padding import frames_level

    return frames_level(measured.bench, measured.runs, measured.padding, "features")


LEVELS = (
    WEIGHTS,
    CONFIG,
    SOUND,
    MODULES,
    LAYERS,
    LevelKind(
        name="outputs",
        finding="wiring",
        judge=_outputs,
        judged_on="clip",
        end_to_end=True,
        outside=partial(deferred(OUTSIDE, "judge_result"), "features"),
        told_by=("features",),
    ),
    LevelKind(name="padding", finding="padding", judge=_padding, judged_on="batch"),
    reload_of("features"),
)
"""In the order in which a reader wants them."""
