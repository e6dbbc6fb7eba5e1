"""About how long a comparison takes, so that it can be said before it begins.

What counts is how often the weights are gone through: by every frame and token of a pass, where the
speed of multiplication is the limit, and by every token of a search, where that of memory is.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from toolkit.trial.effort import Effort

PASSES, REPLAYED_PASSES, SEARCHES, BEAM_SEARCHES = 2, 10, 3, 6
"""Passes in float32 that a clip takes on both sides, and those that its modules take beside: two
step by step, two in float64, each of which costs two, and as much again for the comparing. Searches
by fairseq, by the folder and by its pipeline; those with a beam count for the rows they move."""
FIXED_CLIPS = 4
"""Loading, the padded batch and the reload, in clips that are compared end to end."""
SAID_FROM_S = 60.0
"""What takes less is not spoken of."""


@dataclass(frozen=True, kw_only=True)
class Speed:
    """What a machine does with torch."""

    multiplications_per_s: float
    """Of float32 matrices, each with its addition."""
    read_per_s: float
    """Numbers in float32 that are multiplied with a single vector."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large the work is."""

    per_frame: int
    """Weights that every frame meets."""
    per_token: int
    """Weights that every token meets."""
    frames: Sequence[int]
    """Of each clip."""
    tokens: Sequence[int]
    """That a hypothesis of each clip may have; 0 where nothing is searched step by step."""


def estimate_seconds(size: Size, efforts: Sequence[Effort], speed: Speed) -> float:
    """How long a comparison takes where hypotheses are as long as they may be.

    Models that say less are done earlier.
    """
    asked = list(zip(size.tokens, efforts, strict=True))
    # What a decoder is given in a pass: the longest of what was said.
    prefix = max((tokens for tokens, effort in asked if effort.searched), default=0)
    passes = [PASSES + REPLAYED_PASSES * effort.replayed for effort in efforts]
    each = [frames * size.per_frame + prefix * size.per_token for frames in size.frames]
    passed: float = sum(number * weights for number, weights in zip(passes, each, strict=True))
    passed += FIXED_CLIPS * PASSES * sum(each) / len(each)
    searched = size.per_token * sum(
        tokens * (SEARCHES * effort.searched + BEAM_SEARCHES * effort.beamed)
        for tokens, effort in asked
    )
    return passed / speed.multiplications_per_s + searched / speed.read_per_s


def describe_seconds(seconds: float) -> str:
    """The duration as the end of a sentence; nothing where it is short."""
    return "" if seconds < SAID_FROM_S else f"; about {math.ceil(seconds / 60)} min"


def measure_speed() -> Speed:
    """What this machine does right now, measured for some hundredths of a second."""
    import torch

    rows, width = 256, 1024
    frames, weights = torch.ones(rows, width), torch.ones(width, width)
    return Speed(
        multiplications_per_s=rows * width**2 / _seconds(lambda: frames @ weights),
        read_per_s=width**2 / _seconds(lambda: weights @ frames[0]),
    )


def _seconds(work: Callable[[], object]) -> float:
    """The shortest of some rounds, the first of which only makes ready."""
    taken = []
    for _ in range(4):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken[1:])
