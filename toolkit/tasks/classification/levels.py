"""The ten levels of a classifier, from tensors to the label of a clip."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from toolkit.core.measures import Level
from toolkit.tasks.base import LevelKind, Measurements, deferred
from toolkit.tasks.speech.kinds import (
    CONFIG,
    FRONT_END,
    LAYERS,
    LOGITS,
    MODULES,
    WEIGHTS,
    reload_of,
)

if TYPE_CHECKING:
    from toolkit.tasks.classification.clip import ClassRun
    from toolkit.tasks.classification.target import ClassTarget

Measured: TypeAlias = "Measurements[ClassTarget, ClassRun]"


def _labels(measured: Measured) -> Level:
    from toolkit.compare.labels import labels_level

    return labels_level(measured.contents, measured.bench.target.view)


def _front_end(measured: Measured) -> Level:
    from toolkit.tasks.speech.levels import front_end_level

    return front_end_level(measured.runs, "labels through the audio classification pipeline")


def _label(measured: Measured) -> Level:
    from toolkit.tasks.classification.dynamic import label_level

    return label_level(measured.runs)


def _padding(measured: Measured) -> Level:
    from toolkit.tasks.classification.padding import clips_level

    return clips_level(measured.bench, measured.runs)


LEVELS = (
    WEIGHTS,
    CONFIG,
    LevelKind(name="labels", finding="vocabulary", judge=_labels, judged_on="folder"),
    replace(FRONT_END, judge=_front_end),
    MODULES,
    LAYERS,
    LOGITS,
    LevelKind(
        name="label",
        finding="wiring",
        judge=_label,
        judged_on="clip",
        end_to_end=True,
        outside=deferred("toolkit.tasks.classification.outside", "judge_label"),
        told_by=("logits", "text"),
    ),
    LevelKind(name="padding", finding="padding", judge=_padding, judged_on="batch"),
    reload_of("logits"),
)
"""In the order in which a reader wants them."""
