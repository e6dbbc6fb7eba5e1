"""Texts as numbers in a row, in which form they travel like waveforms."""

from __future__ import annotations

from torch import Tensor


def text_of(numbers: Tensor) -> str:
    """The text whose characters have these numbers in Unicode, shape (L,)."""
    return "".join(chr(int(number)) for number in numbers.tolist())
