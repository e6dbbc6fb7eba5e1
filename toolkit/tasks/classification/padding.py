"""The padding level: one batch of clips of unequal length on both sides."""

from __future__ import annotations

from collections.abc import Sequence

from toolkit.compare import tolerances
from toolkit.compare.metrics import relative_error
from toolkit.core.measures import Level, Measure
from toolkit.tasks.classification.clip import ClassBench, ClassRun
from toolkit.tasks.speech.batch import choose_batch
from toolkit.tasks.speech.levels import RELATIVE
from toolkit.trial.rows import nan_first


def clips_level(bench: ClassBench, runs: Sequence[ClassRun]) -> Level:
    """Runs one padded batch on both sides and says how far the logits of its clips are apart."""
    batch = choose_batch(runs)
    expected = bench.reference.forward(batch.sources, batch.prefixes, only=()).result
    actual = bench.target.forward(batch.sources, batch.prefixes, only=()).result
    errors = [
        (relative_error(one, other), name)
        for one, other, name in zip(expected, actual, batch.names, strict=True)
    ]
    error, where = max(errors, key=lambda item: nan_first(item[0]))
    return Level(
        name="padding",
        measures=(
            Measure(
                name="logits of a padded batch",
                where=where,
                error=error,
                tolerance=tolerances.PADDED_LOGITS,
                unit=RELATIVE,
                compared=len(errors),
            ),
        ),
        summary=(
            f"one batch of {', '.join(batch.names)}: logits differ by {error:.1e} of the largest"
        ),
    )
