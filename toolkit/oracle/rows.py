"""Which clips make the padded batch of a comparison."""

from __future__ import annotations

from typing import Sequence, Tuple

BATCH = 4
"""Clips in the batch: the shortest, the longest and two between."""


def choose_rows(lengths: Sequence[int]) -> Tuple[Tuple[int, int], ...]:
    """Clips of unequal length; where there are none, a clip beside itself said twice.

    Args:
        lengths: Samples of every clip.

    Returns:
        The index of each row's clip, and how many times it is said.
    """
    by_length = sorted(range(len(lengths)), key=lambda index: lengths[index])
    count = min(BATCH, len(by_length))
    step = (len(by_length) - 1) / max(count - 1, 1)
    rows = [(by_length[round(i * step)], 1) for i in range(count)]
    if len({lengths[index] for index, _ in rows}) < 2:
        rows.append((rows[-1][0], 2))
    return tuple(rows)
