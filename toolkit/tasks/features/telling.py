"""What a result tells of a comparison of encoders beside its levels: deviations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from toolkit.compare.probes import PaddingProbes
from toolkit.core.measures import Level
from toolkit.core.result import Deviation
from toolkit.tasks.features.dynamic import DIVERSITY, WANTING
from toolkit.tasks.speech import telling
from toolkit.tasks.speech.padding import padding_deviation


def tell_deviations(levels: Sequence[Level], padding: PaddingProbes) -> Iterator[Deviation]:
    """The declared differences, as the levels measured them."""
    by_name = {level.name: level for level in levels}
    yield from telling.tell_front_end(by_name["front_end"])
    for measure in by_name["outputs"].measures:
        if measure.name == DIVERSITY and measure.verdict == "deviation":
            yield Deviation(
                name="diversity_loss",
                summary=(
                    "in evaluation transformers takes the diversity loss of the codes that were "
                    "chosen, fairseq that of the chances of all. Both choose the same codes and "
                    "give the same features: who reads that loss in evaluation would notice"
                ),
                where=measure.where,
                max_error=measure.error,
            )
        if measure.name == WANTING:
            yield Deviation(
                name="heads_left_out",
                summary=(
                    f"the folder does without a part of the model: {measure.where}. Its features "
                    "are the model's: who asks for what is left out would notice"
                ),
                where="",
                max_error=measure.error,
            )
    counted = padding_deviation(by_name["padding"], padding)
    if counted is not None:
        yield counted
