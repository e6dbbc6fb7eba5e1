"""Levels that follow from running both CTC models on the clips: logits and letters."""

from __future__ import annotations

from collections.abc import Sequence

from toolkit.compare import tolerances
from toolkit.core.measures import Level, Measure
from toolkit.tasks.ctc.clip import CtcRun
from toolkit.tasks.speech import levels
from toolkit.tasks.speech.levels import result_measures, result_noise

STRAY = "clips with symbols that stand for no text"


def logits_level(runs: Sequence[CtcRun], exact_tolerance: float) -> Level:
    """Whether the logits of every frame agree.

    Args:
        runs: All clips.
        exact_tolerance: What they may differ by in float64.
    """
    exact, rounded = result_measures("logits", runs, exact_tolerance)
    return Level(
        name="logits",
        measures=(exact, rounded),
        summary=(
            f"logits within {rounded.error:.1e} of the largest (the reference's own float32 "
            f"error: {result_noise(runs):.1e})"
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
