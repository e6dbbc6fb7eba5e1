"""Levels that follow from running both models on the clips, whatever they are trained to say."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from toolkit.compare import tolerances
from toolkit.core.counting import counted
from toolkit.core.coverage import Reason
from toolkit.core.measures import NOISE, RELATIVE, Level, Measure
from toolkit.tasks.speech.run import HeardRun
from toolkit.trial.measuring import PairErrors
from toolkit.trial.rows import nan_first

R = TypeVar("R", bound=HeardRun)

TEXTS = "texts through the ASR pipeline"


def front_end_level(runs: Sequence[HeardRun], said: str = TEXTS) -> Level:
    """Whether the folder's feature extractor makes of a waveform what fairseq makes of it.

    What the model says to it is compared as well.

    Args:
        runs: All clips.
        said: What it says, in words, with the pipeline that it says it through.
    """
    sound = sound_level(runs)
    texts = _texts_measure([run for run in runs if run.effort.piped], said)
    return Level(
        name=sound.name,
        measures=(*sound.measures, texts),
        summary=(
            f"{sound.summary}; {texts.compared - int(texts.error)} of {texts.compared} {said} "
            "are fairseq's"
        ),
    )


def sound_level(runs: Sequence[HeardRun]) -> Level:
    """Whether the folder's feature extractor makes of a waveform what fairseq makes of it."""
    explained = worst(
        "with transformers' normalization epsilon in fairseq's formula",
        runs,
        lambda run: run.front_end_explained,
        tolerances.FRONT_END_EXPLAINED,
    )
    against = worst(
        "input of the network",
        runs,
        lambda run: run.front_end,
        tolerances.FRONT_END,
        declared=explained.verdict == "pass",
    )
    is_waveform = all(run.source.dim() == 1 and run.source.is_floating_point() for run in runs)
    return Level(
        name="front_end",
        measures=(against, explained) if is_waveform and against.verdict != "pass" else (against,),
        summary=f"largest difference {against.error:.1e} on {against.where}",
    )


def modules_level(runs: Sequence[HeardRun], unexplained: Sequence[str]) -> Level:
    """Whether every module does what its counterpart does, alone and in its place.

    Args:
        runs: All clips.
        unexplained: Parameterized modules that nothing compares and nothing excuses.
    """
    judged = {pair.tolerance for run in runs for pair in run.pairs}
    isolated = tuple(_isolated_measure(runs, tolerance) for tolerance in sorted(judged))
    own = [run for run in runs if run.pairs and not run.effort.replayed]
    runs = [run for run in runs if run.effort.replayed]
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
            f"{len(runs[0].pairs) if runs else 0} pairs on {counted(len(runs), 'clips')}"
            f"{_and_own(own)}: isolated {worst:.1e} in float64, propagated "
            f"{propagated.error:.1f} times the reference's own float32 error"
        ),
    )


def _and_own(runs: Sequence[HeardRun]) -> str:
    """In how many further languages what is theirs was compared."""
    languages = len({run.tag for run in runs})
    pairs = f", {len(runs[0].pairs)} of them" if runs else ""
    return f"{pairs} in {counted(languages, 'more languages')}" if runs else ""


def float32_tolerance(runs: Sequence[HeardRun]) -> float:
    """What float32 outputs may differ by, by how far the reference itself errs."""
    return tolerances.of_noise(result_noise(runs))


def padded_tolerance(runs: Sequence[HeardRun]) -> float:
    """The same of a padded batch, whose clips cannot be nearer than they are one by one."""
    return max(tolerances.PADDED_LOGITS, float32_tolerance(runs))


def result_noise(runs: Sequence[HeardRun]) -> float:
    """The reference's own float32 error of its result on the worst clip."""
    known = (run.result_noise for run in runs if not math.isnan(run.result_noise))
    return max(known, default=0.0)


def result_measures(
    name: str, runs: Sequence[HeardRun], exact_tolerance: float
) -> tuple[Measure, Measure]:
    """How far what the models are asked for is apart in float64 and in float32.

    Args:
        name: What it is: logits.
        runs: All clips.
        exact_tolerance: What it may differ by in float64.
    """
    replayed = [run for run in runs if run.effort.replayed]
    return (
        worst(f"float64 {name}", replayed, lambda run: run.result_float64, exact_tolerance),
        rounded_measure(name, runs),
    )


def rounded_measure(name: str, runs: Sequence[HeardRun]) -> Measure:
    """How far what the models are asked for is apart in float32.

    Args:
        name: What it is: logits.
        runs: All clips.
    """
    return worst(f"float32 {name}", runs, lambda run: run.result, float32_tolerance(runs))


def logits_level(runs: Sequence[HeardRun], exact_tolerance: float) -> Level:
    """Whether the logits agree.

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


def greedy_level(runs: Sequence[HeardRun]) -> Level:
    """Whether greedy search gives the same tokens and the same text."""
    runs = [run for run in runs if run.effort.searched]
    tokens = tokens_measure(runs)
    spoken = [run for run in runs if run.clip.kind == "speech" and run.clip.transcript]
    right = sum(run.said.converted_text == run.clip.transcript for run in spoken)
    transcripts = f", {right} of {len(spoken)} transcripts right" if spoken else ""
    equal = len(runs) - int(tokens.error)
    read_off = sum(run.is_read_off for run in runs)
    told = f", {read_off} of them as one pass tells it" if read_off else ""
    return Level(
        name="greedy",
        measures=(tokens, texts_measure(runs)),
        summary=f"{equal} of {len(runs)} clips equal in every token{told}{transcripts}",
    )


def tokens_measure(runs: Sequence[HeardRun]) -> Measure:
    """On how many clips another token is said."""
    wrong = [run.clip.name for run in runs if not run.said.equal]
    return clips("clips with other tokens", wrong, len(runs))


def texts_measure(runs: Sequence[HeardRun]) -> Measure:
    """On how many clips another text is said."""
    wrong = [r.clip.name for r in runs if r.said.reference_text != r.said.converted_text]
    return clips("clips with another text", wrong, len(runs))


def unexplained_modules(
    uncompared: Iterable[tuple[str, Reason | None]], runs: Sequence[HeardRun]
) -> tuple[str, ...]:
    """Modules that are not compared without a reason, hooks that did not fire among them."""
    silent = {e.pair.target for run in runs for e in run.pairs if math.isnan(e.isolated)}
    return (*(path for path, reason in uncompared if reason is None), *sorted(silent))


def _texts_measure(runs: Sequence[HeardRun], said: str) -> Measure:
    """Texts that the folder's own front end changes; declared where fairseq says the same to it."""
    # What greedy search itself says otherwise is no matter of the front end.
    differing = [
        run
        for run in runs
        if run.pipeline_text not in (run.said.reference_text, run.said.converted_text)
    ]
    excused = all(run.pipeline_text == run.pipeline_reference_text for run in differing)
    return Measure(
        name=said,
        where=", ".join(run.clip.name for run in differing[:3]),
        error=float(len(differing)),
        tolerance=tolerances.EXACT,
        unit="clips",
        compared=len(runs),
        declared=excused,
    )


def worst(
    name: str,
    runs: Sequence[R],
    error: Callable[[R], float],
    tolerance: float,
    *,
    declared: bool = False,
) -> Measure:
    """The measure of the clip that is worst of all; of no clip, NaN."""
    found = max(runs, key=lambda run: nan_first(error(run)), default=None)
    return Measure(
        name=name,
        where="" if found is None else found.clip.name,
        error=math.nan if found is None else error(found),
        tolerance=tolerance,
        unit=RELATIVE,
        compared=len(runs),
        declared=declared,
    )


def _isolated_measure(runs: Sequence[HeardRun], tolerance: float) -> Measure:
    name = "isolated" if tolerance == tolerances.ISOLATED else "isolated, with a rounded weight"
    pairs = [pair for pair in _pairs(runs) if pair.tolerance == tolerance]
    return _worst_pair(name, pairs, lambda pair: pair.isolated, tolerance, RELATIVE)


def _pairs(runs: Sequence[HeardRun]) -> list[PairErrors]:
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


def clips(name: str, wrong: Sequence[str], compared: int) -> Measure:
    """How many clips are wrong, named."""
    return Measure(
        name=name,
        where=", ".join(wrong[:3]),
        error=float(len(wrong)),
        tolerance=tolerances.EXACT,
        unit="clips",
        compared=compared,
    )
