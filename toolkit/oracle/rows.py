"""Which clips make the padded batch of a comparison, and how much of each."""

from __future__ import annotations

from typing import List, Sequence, Tuple

import torch
from torch import Tensor

from toolkit.oracle.search import SAMPLES_A_SECOND

BATCH = 4
"""Clips in the batch: the shortest, the longest and two between."""
FRAMES_A_SECOND = 100
"""Of filter banks, shape (T, bins)."""
IDS_A_SECOND = 10
"""Of what is no sound: so many ids of a text are taken for a second of speech."""
LONGEST_S = 1
"""Seconds of the last row at most, each row before it having less: what is padded shows in any
length, and long rows take memory and time.

Not in any number of frames, though: a window of stride two reads beyond a row's end where that is
odd. Of two rows the first has two thirds, which are 33 frames of 320 samples, and 17 and 9 after
such windows.
"""
SHORTEST_S = 0.1
"""Seconds that leave two thirds with frames in them."""


def a_second(source: Tensor) -> int:
    """How many values, or rows of values, of a network's input last a second."""
    if not source.is_floating_point():
        return IDS_A_SECOND
    return SAMPLES_A_SECOND if source.dim() == 1 else FRAMES_A_SECOND


def choose_rows(
    lengths: Sequence[int], rate: int = SAMPLES_A_SECOND
) -> Tuple[Tuple[int, int], ...]:
    """Clips of unequal length; where there are none, a clip beside two thirds of itself.

    Args:
        lengths: Of every clip's input, in samples or frames.
        rate: How many of those a second has.

    Returns:
        The index of each row's clip, and how much is taken: all, as much as that row has at most,
        two thirds of it, or twice that of a clip that is too short to be cut.
    """
    longest = LONGEST_S * rate
    by_length = sorted(range(len(lengths)), key=lambda index: lengths[index])
    count = min(BATCH, len(by_length))
    step = (len(by_length) - 1) / max(count - 1, 1)
    chosen = [by_length[round(i * step)] for i in range(count)]
    rows: List[Tuple[int, int]] = [
        (index, min(lengths[index], longest * row // (count + 1)))
        for row, index in enumerate(chosen, 2)
    ]
    if len({taken for _, taken in rows}) < 2:
        index, taken = rows[-1]
        rows.append((index, taken * 2 // 3 if taken >= SHORTEST_S * rate else 2 * taken))
    return tuple(rows)


def take(row: Tensor, length: int) -> Tensor:
    """As much of a clip's input as is asked for: it is said again where it ends."""
    times = -(-length // len(row))
    return row if length == len(row) else torch.cat([row] * times)[:length]
