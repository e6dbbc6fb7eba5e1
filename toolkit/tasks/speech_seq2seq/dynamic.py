"""Levels that follow from running both models on the clips: logits and searches with a beam."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from toolkit.compare import tolerances
from toolkit.core.measures import Level
from toolkit.core.tokens import TokenComparison
from toolkit.tasks.speech.levels import (
    clips,
    float32_tolerance,
    result_measures,
    result_noise,
    worst,
)
from toolkit.tasks.speech_seq2seq.clip import ClipRun
from toolkit.trial.rows import nan_first

NEAR_TIE = 1e-6
"""Difference of two scores that float32 rounding may turn round."""


def logits_level(runs: Sequence[ClipRun], exact_tolerance: float) -> Level:
    """Whether encoder output and teacher-forced logits agree.

    Args:
        runs: All clips.
        exact_tolerance: What the logits may differ by in float64.
    """
    replayed = [run for run in runs if run.effort.replayed]
    identical = sum(run.encoder == 0.0 for run in replayed)
    exact, rounded = result_measures("logits", runs, exact_tolerance)
    tolerance = float32_tolerance(runs)
    return Level(
        name="logits",
        measures=(
            exact,
            rounded,
            worst("float32 encoder output", replayed, lambda run: run.encoder, tolerance),
        ),
        summary=(
            f"encoder output bit-identical on {identical} of {len(replayed)} clips, logits within "
            f"{rounded.error:.1e} of the largest (the reference's own float32 error: "
            f"{result_noise(runs):.1e})"
        ),
    )


def beam_level(runs: Sequence[ClipRun]) -> Level:
    """Whether beam search finds the same hypotheses in the same order with the same scores.

    Two hypotheses that fairseq scores within `NEAR_TIE` of each other may stand in either order,
    for rounding alone decides which of them comes first. Every other difference of the lists
    counts, one of length among them.
    """
    runs = [run for run in runs if run.effort.beamed]
    best = [run.clip.name for run in runs if not (run.beam and _in_place(run, run.beam[0]))]
    lists = [run.clip.name for run in runs if not _same_list(run)]
    score = worst("score", runs, _score_error, tolerances.BEAM_SCORE)
    return Level(
        name="beam",
        measures=(
            clips("clips with another best hypothesis", best, len(runs)),
            clips("clips with another list", lists, len(runs)),
            score,
        ),
        summary=(
            f"{len(runs) - len(best)} of {len(runs)} best hypotheses and "
            f"{len(runs) - len(lists)} of {len(runs)} whole lists equal; scores within "
            f"{score.error:.1e}"
        ),
    )


def _same_list(run: ClipRun) -> bool:
    """Whether both sides list the same hypotheses, near-ties in either order."""
    expected = Counter(hypothesis.reference for hypothesis in run.beam)
    actual = Counter(hypothesis.converted for hypothesis in run.beam)
    return bool(run.beam) and expected == actual and all(_in_place(run, h) for h in run.beam)


def _in_place(run: ClipRun, rank: TokenComparison) -> bool:
    """Whether fairseq has the converted model's hypothesis at this rank, or as good as that."""
    if rank.equal:
        return True
    score = _reference_scores(run).get(rank.converted, math.inf)
    return abs(score - rank.reference_score) <= NEAR_TIE


def _score_error(run: ClipRun) -> float:
    """The largest difference over all ranks, each hypothesis against fairseq's score for it.

    What fairseq has not found is compared with what it has at that rank.
    """
    scores = _reference_scores(run)
    errors = [abs(scores.get(h.converted, h.reference_score) - h.converted_score) for h in run.beam]
    return max(errors, key=nan_first, default=math.nan)


def _reference_scores(run: ClipRun) -> dict[tuple[int, ...], float]:
    return {hypothesis.reference: hypothesis.reference_score for hypothesis in run.beam}
