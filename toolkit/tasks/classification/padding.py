"""The padding level: one batch of clips of unequal length on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from toolkit.compare import tolerances
from toolkit.compare.metrics import relative_error
from toolkit.core.measures import RELATIVE, Level, Measure
from toolkit.tasks.classification.clip import ClassBench, ClassRun
from toolkit.tasks.speech.batch import Batch, choose_batch
from toolkit.tasks.speech.unmasked import MASK, unmasked
from toolkit.trial.rows import nan_first

if TYPE_CHECKING:
    from torch import Tensor


def clips_level(bench: ClassBench, runs: Sequence[ClassRun]) -> Level:
    """Runs one padded batch on both sides and says how far the logits of its clips are apart.

    Where they agree, it is also measured how far they are apart without the mask that says what
    pads a clip.
    """
    batch = choose_batch(runs)
    expected = bench.reference.forward(batch.sources, batch.prefixes, only=()).result
    told = _measure("logits of a padded batch", bench, batch, expected)
    asides: tuple[Measure, ...] = ()
    if told.verdict == "pass":
        with unmasked(bench.target.model):
            asides = (_measure(f"logits without {MASK}", bench, batch, expected),)
    return Level(
        name="padding",
        measures=(told,),
        asides=asides,
        summary=(
            f"one batch of {', '.join(batch.names)}: logits differ by {told.error:.1e} of the "
            "largest"
        ),
    )


def _measure(name: str, bench: ClassBench, batch: Batch, expected: Tensor) -> Measure:
    """The clip that is worst of all, of expected logits of shape (B, C)."""
    actual = bench.target.forward(batch.sources, batch.prefixes, only=()).result
    errors = [
        (relative_error(one, other), clip)
        for one, other, clip in zip(expected, actual, batch.names, strict=True)
    ]
    error, where = max(errors, key=lambda item: nan_first(item[0]))
    return Measure(
        name=name,
        where=where,
        error=error,
        tolerance=tolerances.PADDED_LOGITS,
        unit=RELATIVE,
        compared=len(errors),
    )
