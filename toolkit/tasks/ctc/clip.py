"""Runs both models on one clip and measures everything that a verdict needs of it."""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.audio import Clip
from toolkit.compare.pictures import Sketchbook
from toolkit.tasks.ctc.target import SPECIAL
from toolkit.tasks.speech.hearing import SpeechBench
from toolkit.tasks.speech.layers import LayeredRun, layer_errors
from toolkit.tasks.speech.run import hear
from toolkit.trial.effort import FULL, Effort


@dataclass(frozen=True, kw_only=True)
class CtcRun(LayeredRun):
    """What both models made of one clip."""

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
    return CtcRun(**vars(run), layers=layer_errors(replayed))
