"""Where tensors lie in files: views of the same bytes of a file are equal, and need not be read."""

from __future__ import annotations

from bisect import bisect_right
from typing import Optional, Tuple

from torch import Tensor

from toolkit.oracle.pages import read_mappings

Place = Tuple[str, int]
"""A file, and a byte of it."""


class Places:
    """What is mapped now: good for tensors that are there already, and while they are."""

    def __init__(self) -> None:
        self._mappings = sorted(read_mappings(), key=lambda mapping: mapping.start)
        self._starts = [mapping.start for mapping in self._mappings]

    def maybe_find(self, tensor: Tensor) -> Optional[Place]:
        """The first byte of a contiguous view of a file; None for others.

        Where anything was written to what is mapped, its pages may be copies that no file holds.
        """
        at = bisect_right(self._starts, tensor.data_ptr()) - 1
        if at < 0 or tensor.device.type != "cpu" or not tensor.is_contiguous():
            return None
        mapping = self._mappings[at]
        begin = tensor.data_ptr()
        end = begin + tensor.numel() * tensor.element_size()
        if end > mapping.end or mapping.is_written:
            return None
        return mapping.file, mapping.offset + begin - mapping.start

    def are_one(self, one: Tensor, other: Tensor) -> bool:
        """Whether two tensors are known to be the same values, as they are the same bytes."""
        if one.shape != other.shape or one.dtype != other.dtype:
            return False
        place = self.maybe_find(one)
        return place is not None and place == self.maybe_find(other)
