"""Levels that follow from running both models on the clips."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from toolkit.compare import tolerances
from toolkit.core.result import Level, Measure, Reason, TokenComparison
from toolkit.tasks.speech_seq2seq.clip import ClipRun
from toolkit.trial.measuring import PairErrors
from toolkit.trial.rows import nan_first

RELATIVE = "relative to the largest value"
NOISE = "times the reference's own float32 error"
NEAR_TIE = 1e-6
"""Difference of two scores that float32 rounding may turn round."""


def front_end_level(runs: Sequence[ClipRun]) -> Level:
    """Whether the folder's feature extractor makes of a waveform what fairseq makes of it."""
    explained = _worst(
        "with transformers' normalization epsilon in fairseq's formula",
        runs,
        lambda run: run.front_end_explained,
        tolerances.FRONT_END_EXPLAINED,
    )
    against = _worst(
        "input of the network",
        runs,
        lambda run: run.front_end,
        tolerances.FRONT_END,
        declared=explained.verdict == "pass",
    )
    texts = _texts_measure(runs)
    return Level(
        name="front_end",
        measures=(against, texts) if against.verdict == "pass" else (against, explained, texts),
        summary=(
            f"largest difference {against.error:.1e} on {against.where}; "
            f"{len(runs) - int(texts.error)} of {len(runs)} texts through the ASR pipeline are "
            "fairseq's"
        ),
    )


def modules_level(runs: Sequence[ClipRun], unexplained: Sequence[str]) -> Level:
    """Whether every module does what its counterpart does, alone and in its place.

    Args:
        runs: All clips.
        unexplained: Parameterized modules that nothing compares and nothing excuses.
    """
    judged = {pair.tolerance for run in runs for pair in run.pairs}
    isolated = tuple(_isolated_measure(runs, tolerance) for tolerance in sorted(judged))
    propagated = _worst_pair("propagated", _pairs(runs), _propagated, tolerances.PROPAGATED, NOISE)
    coverage = Measure(
        name="parameterized modules not compared",
        where=", ".join(unexplained[:3]),
        error=float(len(unexplained)),
        tolerance=tolerances.EXACT,
        unit="modules",
        compared=propagated.compared,
    )
    worst = max((measure.error for measure in isolated), key=nan_first, default=math.nan)
    return Level(
        name="modules",
        measures=(*isolated, propagated, coverage),
        summary=(
            f"{len(runs[0].pairs) if runs else 0} pairs on {len(runs)} clips: isolated "
            f"{worst:.1e} in float64, propagated {propagated.error:.1f} times the "
            "reference's own float32 error"
        ),
    )


def logits_level(runs: Sequence[ClipRun], exact_tolerance: float) -> Level:
    """Whether encoder output and teacher-forced logits agree.

    Args:
        runs: All clips.
        exact_tolerance: What the logits may differ by in float64.
    """
    noise = max((run.logits_noise for run in runs), default=0.0)
    floor = tolerances.LOGITS_FLOAT32
    tolerance = floor if noise <= floor else tolerances.LOGITS_NOISE * noise
    identical = sum(run.encoder == 0.0 for run in runs)
    measures = (
        _worst("float64 logits", runs, lambda run: run.logits_float64, exact_tolerance),
        _worst("float32 logits", runs, lambda run: run.logits, tolerance),
        _worst("float32 encoder output", runs, lambda run: run.encoder, tolerance),
    )
    return Level(
        name="logits",
        measures=measures,
        summary=(
            f"encoder output bit-identical on {identical} of {len(runs)} clips, logits within "
            f"{measures[1].error:.1e} of the largest (the reference's own float32 error: "
            f"{noise:.1e})"
        ),
    )


def greedy_level(runs: Sequence[ClipRun]) -> Level:
    """Whether greedy search gives the same tokens and the same text."""
    tokens = [run.clip.name for run in runs if not run.greedy.equal]
    texts = [r.clip.name for r in runs if r.greedy.reference_text != r.greedy.converted_text]
    spoken = [run for run in runs if run.clip.kind == "speech" and run.clip.transcript]
    right = sum(run.greedy.converted_text == run.clip.transcript for run in spoken)
    transcripts = f", {right} of {len(spoken)} transcripts right" if spoken else ""
    return Level(
        name="greedy",
        measures=(
            _clips("clips with other tokens", tokens, len(runs)),
            _clips("clips with another text", texts, len(runs)),
        ),
        summary=f"{len(runs) - len(tokens)} of {len(runs)} clips equal in every token{transcripts}",
    )


def beam_level(runs: Sequence[ClipRun]) -> Level:
    """Whether beam search finds the same hypotheses in the same order with the same scores.

    Two hypotheses that fairseq scores within `NEAR_TIE` of each other may stand in either order,
    for rounding alone decides which of them comes first. Every other difference of the lists
    counts, one of length among them.
    """
    best = [run.clip.name for run in runs if not (run.beam and _in_place(run, run.beam[0]))]
    lists = [run.clip.name for run in runs if not _same_list(run)]
    score = _worst("score", runs, _score_error, tolerances.BEAM_SCORE)
    return Level(
        name="beam",
        measures=(
            _clips("clips with another best hypothesis", best, len(runs)),
            _clips("clips with another list", lists, len(runs)),
            score,
        ),
        summary=(
            f"{len(runs) - len(best)} of {len(runs)} best hypotheses and "
            f"{len(runs) - len(lists)} of {len(runs)} whole lists equal; scores within "
            f"{score.error:.1e}"
        ),
    )


def unexplained_modules(
    uncompared: Iterable[tuple[str, Reason | None]], runs: Sequence[ClipRun]
) -> tuple[str, ...]:
    """Modules that are not compared without a reason, hooks that did not fire among them."""
    silent = {e.pair.target for run in runs for e in run.pairs if math.isnan(e.isolated)}
    return (*(path for path, reason in uncompared if reason is None), *sorted(silent))


def _texts_measure(runs: Sequence[ClipRun]) -> Measure:
    """Texts that the folder's own front end changes; declared where fairseq says the same to it."""
    # What greedy search itself says otherwise is no matter of the front end.
    differing = [
        run
        for run in runs
        if run.pipeline_text not in (run.greedy.reference_text, run.greedy.converted_text)
    ]
    excused = all(run.pipeline_text == run.pipeline_reference_text for run in differing)
    return Measure(
        name="texts through the ASR pipeline",
        where=", ".join(run.clip.name for run in differing[:3]),
        error=float(len(differing)),
        tolerance=tolerances.EXACT,
        unit="clips",
        compared=len(runs),
        declared=excused,
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


def _worst(
    name: str,
    runs: Sequence[ClipRun],
    error: Callable[[ClipRun], float],
    tolerance: float,
    *,
    declared: bool = False,
) -> Measure:
    worst = max(runs, key=lambda run: nan_first(error(run)), default=None)
    return Measure(
        name=name,
        where="" if worst is None else worst.clip.name,
        error=math.nan if worst is None else error(worst),
        tolerance=tolerance,
        unit=RELATIVE,
        compared=len(runs),
        declared=declared,
    )


def _isolated_measure(runs: Sequence[ClipRun], tolerance: float) -> Measure:
    name = "isolated" if tolerance == tolerances.ISOLATED else "isolated, with a rounded weight"
    pairs = [pair for pair in _pairs(runs) if pair.tolerance == tolerance]
    return _worst_pair(name, pairs, lambda pair: pair.isolated, tolerance, RELATIVE)


def _pairs(runs: Sequence[ClipRun]) -> list[PairErrors]:
    return [pair for run in runs for pair in run.pairs]


def _propagated(errors: PairErrors) -> float:
    return math.nan if errors.propagated is None else errors.propagated


def _worst_pair(
    name: str,
    pairs: Sequence[PairErrors],
    error: Callable[[PairErrors], float],
    tolerance: float,
    unit: str,
) -> Measure:
    errors = [(error(pair), pair.pair.target) for pair in pairs]
    worst, where = max(errors, key=lambda item: nan_first(item[0]), default=(math.nan, ""))
    return Measure(
        name=name, where=where, error=worst, tolerance=tolerance, unit=unit, compared=len(errors)
    )


def _clips(name: str, wrong: list[str], compared: int) -> Measure:
    return Measure(
        name=name,
        where=", ".join(wrong[:3]),
        error=float(len(wrong)),
        tolerance=tolerances.EXACT,
        unit="clips",
        compared=compared,
    )
