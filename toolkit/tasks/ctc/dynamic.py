"""The level of what both CTC models say of the clips: letters."""

from __future__ import annotations

from collections.abc import Sequence

from toolkit.compare import tolerances
from toolkit.core.measures import Level, Measure
from toolkit.tasks.ctc.clip import CtcRun
from toolkit.tasks.speech import levels

STRAY = "clips with symbols that stand for no text"


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
