"""The level of what the model is asked for: features, and what pretraining makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from toolkit.compare import tolerances
from toolkit.core.coverage import Reason
from toolkit.core.measures import Level, Measure
from toolkit.tasks.features.clip import LOSS, FeatureRun
from toolkit.tasks.speech.levels import result_measures, result_noise, worst

NAMES = {
    "projected": "float64 projected features",
    "quantized": "float64 projected code vectors",
    "hard_perplexity": "float64 perplexity of the codes",
    LOSS: "float64 contrastive loss",
}
"""What a level calls the outputs."""
DIVERSITY = "diversity of the codes as fairseq measures it"
WANTING = "heads that the folder does without"


def outputs_level(
    runs: Sequence[FeatureRun], exact_tolerance: float, wanting: Sequence[Reason] = ()
) -> Level:
    """Whether features, projections, codes and the contrastive loss agree.

    The loss is that of the same masked frames, told apart from the same others. How diverse the
    codes are is measured by those chosen, on both sides; that fairseq looks at the chances of all
    of them also in evaluation is a declared deviation.

    Args:
        runs: All clips.
        exact_tolerance: What outputs may differ by in float64.
        wanting: Heads that the folder does without, with what that means; then features alone are
            compared, which is a declared deviation.
    """
    exact, rounded = result_measures("features", runs, exact_tolerance)
    replayed = [run for run in runs if run.effort.replayed]
    heads = () if wanting else (*_heads(replayed, exact_tolerance),)
    codes = (_wanting(runs, wanting),) if wanting else (*_codes(replayed),)
    said = "".join(f"; {m.name.partition(' ')[2]} {m.error:.1e}" for m in heads)
    return Level(
        name="outputs",
        measures=(exact, rounded, *heads, *codes),
        summary=(
            f"features within {rounded.error:.1e} of the largest (the reference's own float32 "
            f"error: {result_noise(runs):.1e}){said}"
        ),
    )


def _wanting(runs: Sequence[FeatureRun], wanting: Sequence[Reason]) -> Measure:
    return Measure(
        name=WANTING,
        where="; ".join(f"{reason.name}: {reason.because}" for reason in wanting),
        error=float(len(wanting)),
        tolerance=tolerances.EXACT,
        unit="heads",
        compared=len(runs),
        declared=True,
    )


def _heads(runs: Sequence[FeatureRun], tolerance: float) -> Iterator[Measure]:
    for name, words in NAMES.items():
        asked = [run for run in runs if name in run.heads]
        if asked:
            yield worst(words, asked, partial(_error, name), tolerance)


def _error(name: str, run: FeatureRun) -> float:
    return run.heads[name]


def _codes(runs: Sequence[FeatureRun]) -> Iterator[Measure]:
    """Whether every frame has the same code vectors, and how fairseq measures their diversity.

    Nothing, where the model has none.
    """
    if not any(run.choices.compared for run in runs):
        return
    yield Measure(
        name="codes that are other ones",
        where=", ".join(run.clip.name for run in runs if run.choices.other),
        error=float(sum(run.choices.other for run in runs)),
        tolerance=tolerances.EXACT,
        unit="codes",
        compared=sum(run.choices.compared for run in runs),
    )
    yield worst(
        DIVERSITY, runs, lambda run: run.choices.soft_perplexity, tolerances.EXACT, declared=True
    )
