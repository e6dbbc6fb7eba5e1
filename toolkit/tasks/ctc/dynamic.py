"""Levels that follow from running both CTC models on the clips: layers, logits, letters."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from toolkit.compare import tolerances
from toolkit.core.measures import Level, Measure
from toolkit.tasks.ctc.clip import CtcRun, LayerErrors
from toolkit.tasks.speech import levels
from toolkit.tasks.speech.levels import RELATIVE, logits_measures, logits_noise
from toolkit.trial.rows import nan_first

STRAY = "clips with symbols that stand for no text"


def layers_level(runs: Sequence[CtcRun], exact_tolerance: float) -> Level:
    """Whether every layer's features are those that fairseq gives for `output_layer=k`.

    They are what a layer gives, `hidden_states[k]` in transformers: the norm behind the last layer
    of a pre-norm stack is not in them, on either side.

    Args:
        runs: All clips.
        exact_tolerance: What they may differ by in float64.
    """
    noise = max((layer.noise for run in runs for layer in run.layers), default=0.0)
    floor = tolerances.LOGITS_FLOAT32
    rounded = floor if noise <= floor else tolerances.LOGITS_NOISE * noise
    measures = (
        _worst("float64 features", runs, lambda layer: layer.float64, exact_tolerance),
        _worst("float32 features", runs, lambda layer: layer.float32, rounded),
    )
    replayed = [run for run in runs if run.effort.replayed]
    number = len(replayed[0].layers) if replayed else 0
    return Level(
        name="layers",
        measures=measures,
        summary=(
            f"features of {number} layers on {len(replayed)} clips within {measures[0].error:.1e} "
            f"of the largest in float64 and {measures[1].error:.1e} in float32, as "
            "`hidden_states[k]` holds them: before the norm that follows the last layer of a "
            "pre-norm stack"
        ),
    )


def logits_level(runs: Sequence[CtcRun], exact_tolerance: float) -> Level:
    """Whether the logits of every frame agree.

    Args:
        runs: All clips.
        exact_tolerance: What they may differ by in float64.
    """
    exact, rounded = logits_measures(runs, exact_tolerance)
    return Level(
        name="logits",
        measures=(exact, rounded),
        summary=(
            f"logits within {rounded.error:.1e} of the largest (the reference's own float32 "
            f"error: {logits_noise(runs):.1e})"
        ),
    )


def greedy_level(runs: Sequence[CtcRun]) -> Level:
    """Whether every clip's merged symbols and its text are fairseq's."""
    level = levels.greedy_level(runs)
    searched = [run for run in runs if run.effort.searched]
    stray = [run.clip.name for run in searched if run.has_stray_symbols]
    if not stray:
        return level
    measure = Measure(
        name=STRAY,
        where=", ".join(stray[:3]),
        error=float(len(stray)),
        tolerance=tolerances.EXACT,
        unit="clips",
        compared=len(searched),
        declared=True,
    )
    return Level(name=level.name, measures=(*level.measures, measure), summary=level.summary)


def _worst(
    name: str, runs: Sequence[CtcRun], error: Callable[[LayerErrors], float], tolerance: float
) -> Measure:
    errors = [
        (error(layer), f"{layer.name} of {run.clip.name}") for run in runs for layer in run.layers
    ]
    worst, where = max(errors, key=lambda item: nan_first(item[0]), default=(math.nan, ""))
    return Measure(
        name=name,
        where=where,
        error=worst,
        tolerance=tolerance,
        unit=RELATIVE,
        compared=len(errors),
    )
