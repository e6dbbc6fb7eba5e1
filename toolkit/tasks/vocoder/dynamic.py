"""The level of a vocoder that follows from running its predictor of durations on units."""

from __future__ import annotations

from collections.abc import Sequence

from toolkit.compare import tolerances
from toolkit.core.measures import Level, Measure
from toolkit.tasks.speech.levels import clips
from toolkit.tasks.vocoder.clip import VocoderRun


def durations_level(runs: Sequence[VocoderRun]) -> Level:
    """Whether every unit lasts as many frames as with fairseq, and the length is said rightly."""
    worst = max(runs, key=lambda run: run.others)
    others = Measure(
        name="units of another duration",
        where=worst.clip.name,
        error=float(sum(run.others for run in runs)),
        tolerance=tolerances.EXACT,
        unit="units",
        compared=sum(run.source.numel() for run in runs),
    )
    wrong = [run.clip.name for run in runs if not run.says_length]
    said = clips("sequences whose length is said wrongly", wrong, len(runs))
    frames = sum(run.frames for run in runs)
    return Level(
        name="durations",
        measures=(others, said),
        summary=f"{others.compared} units last {frames} frames on both sides"
        if not others.error
        else f"{int(others.error)} of {others.compared} units last another number of frames",
    )
