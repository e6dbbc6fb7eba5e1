"""Measures and tokens that agree, to be changed by tests."""

from dataclasses import replace

from toolkit.core.measures import Level, Measure
from toolkit.core.tokens import TokenComparison

MEASURE = Measure(name="weights", where="w", error=0.0, tolerance=1e-6, unit="relative", compared=3)
LEVEL = Level(name="weights", measures=(MEASURE,), summary="Three tensors agree.")
TOKENS = TokenComparison(
    reference=(5, 6, 2),
    converted=(5, 6, 2),
    reference_text="a",
    converted_text="a",
    reference_score=-0.1,
    converted_score=-0.1,
    margin=0.5,
)


def measure(**changes):
    return replace(MEASURE, **changes)


def level(*measures):
    return replace(LEVEL, measures=measures)
