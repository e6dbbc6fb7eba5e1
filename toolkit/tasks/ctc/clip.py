"""Runs both models on one clip and measures everything that a verdict needs of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.audio import Clip
from toolkit.compare.metrics import relative_error
from toolkit.compare.pictures import Sketchbook
from toolkit.tasks.ctc.target import SPECIAL
from toolkit.tasks.speech.run import HeardRun, SpeechBench, hear
from toolkit.trial.effort import FULL, Effort

if TYPE_CHECKING:
    from torch import Tensor

LAYERS = "layers."
"""What the names of outputs begin with that intermediate layers give."""


@dataclass(frozen=True, kw_only=True)
class LayerErrors:
    """How far one layer's features are apart, each relative to the largest value."""

    name: str
    float64: float
    float32: float
    noise: float
    """The reference's own float32 error."""


@dataclass(frozen=True, kw_only=True)
class CtcRun(HeardRun):
    """What both models made of one clip, every layer's features among it."""

    layers: tuple[LayerErrors, ...] = ()

    @property
    def has_stray_symbols(self) -> bool:
        """Whether a symbol was said that stands for no text, which both sides print otherwise."""
        said = () if self.greedy is None else (*self.greedy.reference, *self.greedy.converted)
        return any(token in SPECIAL for token in said)


def run_clip(
    bench: SpeechBench,
    clip: Clip,
    *,
    tag: int | None,
    effort: Effort = FULL,
    prefix: tuple[int, ...] | None = None,
    book: Sketchbook | None = None,
) -> CtcRun:
    """Runs both models on one clip; see `toolkit.tasks.speech.run.hear`."""
    run, replayed = hear(bench, clip, tag=tag, effort=effort, prefix=prefix, book=book)
    if replayed is None:
        return CtcRun(**vars(run))
    sides = (replayed.exact, replayed.exact_actual, replayed.expected, replayed.actual)
    return CtcRun(**vars(run), layers=tuple(_layers(*(side.outputs for side in sides))))


def _layers(
    exact: Mapping[str, Tensor],
    exact_actual: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    actual: Mapping[str, Tensor],
) -> Iterator[LayerErrors]:
    """Every layer that either side has; one that only one side has is infinitely far."""
    names = dict.fromkeys(name for name in (*exact, *exact_actual) if name.startswith(LAYERS))
    for name in names:
        if name not in exact or name not in exact_actual:
            yield LayerErrors(name=name, float64=math.inf, float32=math.inf, noise=0.0)
            continue
        yield LayerErrors(
            name=name,
            float64=relative_error(exact[name], exact_actual[name]),
            float32=relative_error(expected[name], actual[name]),
            noise=relative_error(exact[name], expected[name].double()),
        )
