"""What a result tells of a comparison of classifiers beside its levels: labels and deviations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from toolkit.compare.probes import PaddingProbes
from toolkit.core.measures import Level
from toolkit.core.result import Deviation
from toolkit.core.tokens import ClipTokens
from toolkit.tasks.classification.clip import ClassRun
from toolkit.tasks.speech import telling


def tell_classes(run: ClassRun) -> ClipTokens:
    """What both models said of a clip; its transcript is no label."""
    return replace(telling.tell_tokens(run), transcript=None)


def tell_deviations(levels: Sequence[Level], _: PaddingProbes) -> Iterator[Deviation]:
    """The declared differences, as the levels measured them."""
    by_name = {level.name: level for level in levels}
    yield from telling.tell_front_end(by_name["front_end"])
