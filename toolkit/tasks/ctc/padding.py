"""The padding level: one batch of clips of unequal length on both sides.

Only frames that belong to a clip are compared: of the others fairseq makes blanks, and transformers
whatever the model says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.compare import tolerances
from toolkit.compare.metrics import relative_error
from toolkit.core.measures import Level, Measure
from toolkit.tasks.speech.batch import choose_batch
from toolkit.trial.rows import nan_first

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.tasks.ctc.clip import CtcRun
    from toolkit.tasks.ctc.target import CtcTarget
    from toolkit.trial.bench import Bench


def padding_level(bench: Bench[CtcTarget], runs: Sequence[CtcRun]) -> Level:
    """Runs one padded batch on both sides and says how far the clips' own frames are apart."""
    batch = choose_batch(runs)
    expected = bench.reference.forward(batch.sources, batch.prefixes, only=())
    actual = bench.target.forward(batch.sources, batch.prefixes, only=()).logits
    kept = (~expected.outputs["padding_mask"]).sum(dim=1).tolist()
    counted = bench.target.frames([source.numel() for source in batch.sources])
    other = [
        f"{name}: {theirs} frames, not {ours}"
        for name, ours, theirs in zip(batch.names, kept, counted, strict=True)
        if ours != theirs
    ]
    errors = [
        (relative_error(expected.logits[row, :frames], actual[row, :frames]), name)
        for row, (name, frames) in enumerate(zip(batch.names, kept, strict=True))
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
                unit="relative to the largest value",
                compared=sum(kept),
            ),
            Measure(
                name="clips with another number of frames",
                where="; ".join(other[:3]),
                error=float(len(other)),
                tolerance=tolerances.EXACT,
                unit="clips",
                compared=len(batch.names),
            ),
        ),
        summary=(
            f"one batch of {', '.join(batch.names)}: logits of its {sum(kept)} frames differ by "
            f"{error:.1e} of the largest; frames beyond a clip's end are not compared"
        ),
    )
