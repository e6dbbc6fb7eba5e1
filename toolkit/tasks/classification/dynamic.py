"""The level of what both classifiers say of the clips: labels, and the order of the best."""

from __future__ import annotations

from collections.abc import Sequence

from toolkit.core.measures import Level, Measure
from toolkit.tasks.classification.clip import ClassRun
from toolkit.tasks.speech.levels import clips
from toolkit.tasks.speech.run import HeardRun


def label_level(runs: Sequence[ClassRun]) -> Level:
    """Whether every clip has fairseq's label, and its best classes come in fairseq's order."""
    orders, labels = orders_measure(runs), labels_measure(runs)
    best = max((len(run.said.reference) for run in runs), default=0)
    return Level(
        name="label",
        measures=(orders, labels),
        summary=(
            f"{len(runs) - int(labels.error)} of {len(runs)} clips have fairseq's label, "
            f"{len(runs) - int(orders.error)} its best {best} classes in its order"
        ),
    )


def orders_measure(runs: Sequence[HeardRun]) -> Measure:
    """On how many clips the best classes come in another order."""
    wrong = [run.clip.name for run in runs if not run.said.equal]
    return clips("clips with another order of the best classes", wrong, len(runs))


def labels_measure(runs: Sequence[HeardRun]) -> Measure:
    """How many clips have another label."""
    wrong = [r.clip.name for r in runs if r.said.reference_text != r.said.converted_text]
    return clips("clips with another label", wrong, len(runs))
