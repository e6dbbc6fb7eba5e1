"""Which clips make the padded batch of a comparison, and how much of each."""

from __future__ import annotations

from typing import List, Sequence, Tuple

import torch
from torch import Tensor

BATCH = 4
"""Clips in the batch: the shortest, the longest and two between."""
LONGEST = 16000
"""Samples of the last row at most, each row before it having less: what is padded shows in any
length, and long rows take memory and time.

Not in any number of frames, though: a window of stride two reads beyond a row's end where that is
odd. Of two rows the first has two thirds, which are 33 frames of 320 samples, and 17 and 9 after
such windows.
"""
SHORTEST = 1600
"""Samples that leave two thirds with frames in them."""


def choose_rows(lengths: Sequence[int]) -> Tuple[Tuple[int, int], ...]:
    """Clips of unequal length; where there are none, a clip beside two thirds of itself.

    Args:
        lengths: Samples of every clip.

    Returns:
        The index of each row's clip, and how many samples are taken: all, as many as that row has
        at most, two thirds of them, or twice those of a clip that is too short to be cut.
    """
    by_length = sorted(range(len(lengths)), key=lambda index: lengths[index])
    count = min(BATCH, len(by_length))
    step = (len(by_length) - 1) / max(count - 1, 1)
    chosen = [by_length[round(i * step)] for i in range(count)]
    rows: List[Tuple[int, int]] = [
        (index, min(lengths[index], LONGEST * row // (count + 1)))
        for row, index in enumerate(chosen, 2)
    ]
    if len({taken for _, taken in rows}) < 2:
        index, taken = rows[-1]
        rows.append((index, taken * 2 // 3 if taken >= SHORTEST else 2 * taken))
    return tuple(rows)


def take(row: Tensor, samples: int) -> Tensor:
    """As many samples of a row of shape (L,) as are asked for: it is said again where it ends."""
    times = -(-samples // row.numel())
    return row if samples == row.numel() else torch.cat([row] * times)[:samples]
