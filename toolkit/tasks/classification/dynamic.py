"""The level of what both classifiers say of the clips: labels, and the order of the best."""

from __future__ import annotations

from collections.abc import Sequence

from toolkit.core.measures import Level
from toolkit.tasks.classification.clip import ClassRun
from toolkit.tasks.speech.levels import clips


def label_level(runs: Sequence[ClassRun]) -> Level:
    """Whether every clip has fairseq's label, and its best classes come in fairseq's order."""
    orders = [run.clip.name for run in runs if not run.said.equal]
    labels = [r.clip.name for r in runs if r.said.reference_text != r.said.converted_text]
    best = max((len(run.said.reference) for run in runs), default=0)
    return Level(
        name="label",
        measures=(
            clips("clips with another order of the best classes", orders, len(runs)),
            clips("clips with another label", labels, len(runs)),
        ),
        summary=(
            f"{len(runs) - len(labels)} of {len(runs)} clips have fairseq's label, "
            f"{len(runs) - len(orders)} its best {best} classes in its order"
        ),
    )
