"""What both models said, token by token, beside what they would have said and how surely."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

from toolkit.core.pictures import ClipPicture, Step
from toolkit.core.tokens import ClipTokens

WIDEST_MARGIN = 10.0
"""Nats that fill the bar of a margin."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """One position of a hypothesis."""

    position: int
    expected: int | None
    """fairseq's token; None beyond its end."""
    actual: int | None
    mark: Literal["equal", "first", "later"]
    step: Step | None
    """The same position teacher-forced; None where that was not measured."""

    @property
    def forced_differs(self) -> bool:
        """Whether the converted model parts from fairseq here, given the same words before."""
        return self.step is not None and self.step.actual != self.step.expected


def token_line(clip: ClipTokens, picture: ClipPicture | None) -> list[Said]:
    """Both greedy hypotheses of a clip, position by position."""
    steps = picture.steps if picture else ()
    first = clip.greedy.first_difference
    words = zip_longest(clip.greedy.reference, clip.greedy.converted)
    return [
        Said(
            position=position,
            expected=expected,
            actual=actual,
            mark="first" if position == first else "equal" if expected == actual else "later",
            step=steps[position] if position < len(steps) else None,
        )
        for position, (expected, actual) in enumerate(words)
    ]


def forced_line(picture: ClipPicture) -> list[Said]:
    """Fairseq's words and what the converted model says to each, where nothing was searched."""
    words = (*picture.prefix[1:], picture.steps[-1].expected)
    differing = [i for i, step in enumerate(picture.steps) if step.actual != step.expected]
    first = differing[0] if differing else None
    return [
        Said(
            position=position,
            expected=word,
            actual=word if step.actual == step.expected else step.actual,
            mark="first" if position == first else "later" if position in differing else "equal",
            step=step,
        )
        for position, (word, step) in enumerate(zip(words, picture.steps, strict=True))
    ]


def margin_share(margin: float) -> float:
    """How much of its bar a margin fills, 0 to 1."""
    if math.isnan(margin):
        return 0.0
    return round(min(1.0, max(0.0, margin / WIDEST_MARGIN)), 3)
