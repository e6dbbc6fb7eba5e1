"""Which clips make the padded batch of a comparison, and how much of each."""

from __future__ import annotations

from typing import List, Sequence, Tuple

import torch
from torch import Tensor

BATCH = 4
"""Clips in the batch: the shortest, the longest and two between."""
LONGEST = 2 * 16000
"""Samples of the last row at most, each row before it having less: what is padded shows in any
length, and long rows take memory and time."""
SHORTEST = 1600
"""Samples that leave a half with frames in it."""


def choose_rows(lengths: Sequence[int]) -> Tuple[Tuple[int, int], ...]:
    """Clips of unequal length; where there are none, a clip beside the half of itself.

    Args:
        lengths: Samples of every clip.

    Returns:
        The index of each row's clip, and how many samples are taken: all, as many as that row has
        at most, half of them, or twice those of a clip that is too short to be cut.
    """
    by_length = sorted(range(len(lengths)), key=lambda index: lengths[index])
    count = min(BATCH, len(by_length))
    step = (len(by_length) - 1) / max(count - 1, 1)
    chosen = [by_length[round(i * step)] for i in range(count)]
    rows: List[Tuple[int, int]] = [
        (index, min(lengths[index], LONGEST * row // count)) for row, index in enumerate(chosen, 1)
    ]
    if len({taken for _, taken in rows}) < 2:
        index, taken = rows[-1]
        rows.append((index, taken // 2 if taken >= SHORTEST else 2 * taken))
    return tuple(rows)


def take(row: Tensor, samples: int) -> Tensor:
    """As many samples of a row of shape (L,) as are asked for: it is said again where it ends."""
    times = -(-samples // row.numel())
    return row if samples == row.numel() else torch.cat([row] * times)[:samples]
