"""The description of a tensor without its values."""

from __future__ import annotations

import math
from dataclasses import dataclass

ITEM_BYTES = {
    "float64": 8,
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "int64": 8,
    "int32": 4,
    "int16": 2,
    "int8": 1,
    "uint8": 1,
    "bool": 1,
}
"""Bytes of one element, by dtype name as torch spells it without the `torch.` prefix."""

FLOATING = frozenset({"float64", "float32", "float16", "bfloat16"})
"""The dtypes that a conversion may change into one another."""


@dataclass(frozen=True, kw_only=True)
class TensorSpec:
    """Name, dtype and shape of one tensor."""

    name: str
    dtype: str
    """One of the keys of `ITEM_BYTES`."""
    shape: tuple[int, ...]

    @property
    def numel(self) -> int:
        """Number of elements; 1 for a scalar."""
        return math.prod(self.shape)

    @property
    def num_bytes(self) -> int:
        """Size of the values alone, in bytes."""
        return self.numel * ITEM_BYTES[self.dtype]


@dataclass(frozen=True, kw_only=True)
class NotFinite:
    """One tensor with values that are no finite numbers, and how many."""

    name: str
    nan: int
    inf: int
    """Infinities of either sign."""
