"""What a result tells of a comparison of CTC models beside its levels: deviations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from toolkit.compare.probes import PaddingProbes
from toolkit.core.measures import Level
from toolkit.core.result import Deviation
from toolkit.tasks.ctc.dynamic import STRAY
from toolkit.tasks.speech import telling
from toolkit.tasks.speech.padding import padding_deviation


def tell_deviations(levels: Sequence[Level], padding: PaddingProbes) -> Iterator[Deviation]:
    """The declared differences, as the levels measured them."""
    by_name = {level.name: level for level in levels}
    yield from telling.tell_front_end(by_name["front_end"])
    for measure in by_name["greedy"].measures:
        if measure.name == STRAY and measure.verdict == "deviation":
            yield Deviation(
                name="special_symbols",
                summary=(
                    "the model says symbols that stand for no text, such as the end of a sentence: "
                    "fairseq leaves some of them out of a text, transformers writes them. Both say "
                    "the same symbols: who compares texts would notice"
                ),
                where=measure.where,
                max_error=measure.error,
            )
    counted = padding_deviation(by_name["padding"], padding)
    if counted is not None:
        yield counted
