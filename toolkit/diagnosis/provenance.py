"""Whose values a tensor holds: the exact ones of another, or its own under a simple change.

Every question is answered by undoing the change and comparing bit for bit, never by similarity.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

NARROW = ("float16", "bfloat16")
"""What values lose their precision to."""


@dataclass(frozen=True, kw_only=True)
class Home:
    """A tensor whose values were found elsewhere."""

    name: str
    transposed: bool
    precision: str | None
    """The dtype that the values went through on the way; None if they are exact."""
    rows_permuted: bool = False
    """Whether they are its rows in another order, which whole heads are too."""


class Registry:
    """Fingerprints of every expected tensor, exact and under the changes that go unnoticed.

    Constant tensors are left out: equal values say nothing about where they come from.
    """

    def __init__(self, expected: Mapping[str, Tensor]) -> None:
        self._homes: dict[bytes, list[Home]] = defaultdict(list)
        self._row_sets: dict[bytes, list[Home]] = defaultdict(list)
        for name, tensor in expected.items():
            if not is_constant(tensor):
                for transposed, precision, variant in _variants(tensor):
                    home = Home(name=name, transposed=transposed, precision=precision)
                    self._homes[fingerprint(variant)].append(home)
                permuted = Home(name=name, transposed=False, precision=None, rows_permuted=True)
                self._row_sets[row_fingerprint(tensor)].append(permuted)

    def homes(self, actual: Tensor) -> tuple[Home, ...]:
        """The expected tensors whose values `actual` holds, exact matches first."""
        found = self._homes.get(fingerprint(actual), [])
        exact = sorted(found, key=lambda home: (home.precision is not None, home.transposed))
        if exact:
            return tuple(exact)
        return tuple(self._row_sets.get(row_fingerprint(actual), []))

    def twins(self, expected: Tensor) -> frozenset[str]:
        """The tensors that must hold the same values: nothing moves between these."""
        found = self._homes.get(fingerprint(expected), [])
        return frozenset(
            home.name for home in found if home.precision is None and not home.transposed
        )


def fingerprint(tensor: Tensor) -> bytes:
    """A digest of shape and float32 values."""
    values = tensor.detach().float().contiguous()
    digest = hashlib.sha1(str(tuple(values.shape)).encode(), usedforsecurity=False)
    digest.update(values.numpy().tobytes())
    return digest.digest()


def row_fingerprint(tensor: Tensor) -> bytes:
    """A digest of shape and float32 rows that is the same for rows in any order."""
    values = tensor.detach().float().contiguous().numpy()
    rows = sorted(row.tobytes() for row in values) if values.ndim else [values.tobytes()]
    digest = hashlib.sha1(str(values.shape).encode(), usedforsecurity=False)
    digest.update(b"".join(rows))
    return digest.digest()


def is_constant(tensor: Tensor) -> bool:
    """Whether all values are the same."""
    return bool(tensor.numel() == 0 or (tensor == tensor.flatten()[0]).all())


def _variants(tensor: Tensor) -> Iterator[tuple[bool, str | None, Tensor]]:
    import torch

    for transposed in (False, True):
        if transposed and tensor.dim() < 2:
            continue
        values = tensor.transpose(0, 1) if transposed else tensor
        yield transposed, None, values
        for dtype in NARROW:
            rounded = values.to(getattr(torch, dtype)).float()
            if not rounded.equal(values.float()):
                yield transposed, dtype, rounded
