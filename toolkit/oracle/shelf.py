"""Keeps tensors in files instead of memory, for recordings of models that fill it themselves."""

from __future__ import annotations

import os
import tempfile
import weakref
from typing import Any, Dict, List, Tuple

import torch
from torch import Tensor

from toolkit.oracle.old_torch import view_as

SMALL_BYTES = 1 << 14
"""What is not larger stays in memory."""
CHUNK_BYTES = 1 << 26
ALIGNMENT = 64
"""Bytes; vectorized kernels want their operands so."""


class Shelf:
    """Copies of tensors, in files that are gone as soon as nobody holds a copy.

    The files have no name: nothing is left behind, however the process ends.
    """

    def __init__(self) -> None:
        self._chunk = torch.empty(0, dtype=torch.uint8)
        self._used = 0
        self._known: Dict[int, Tuple[Any, int, Tensor]] = {}

    def keep(self, tensor: Tensor) -> Tensor:
        """A contiguous copy that later changes of the tensor do not reach.

        A tensor that was kept before and has not changed since is not copied again: what one module
        returns is often what the next one receives.
        """
        reference, version, kept = self._known.get(id(tensor), (None, -1, tensor))
        if reference is not None and reference() is tensor and version == tensor._version:
            return kept
        copy = self._copy(tensor.detach())
        self._known[id(tensor)] = (weakref.ref(tensor), tensor._version, copy)
        return copy

    def _copy(self, tensor: Tensor) -> Tensor:
        num_bytes = tensor.numel() * tensor.element_size()
        if num_bytes <= SMALL_BYTES:
            return tensor.to("cpu", copy=True).contiguous()
        room = self._reserve(num_bytes)
        copy = view_as(room, tensor.dtype).view(tensor.shape)
        copy.copy_(tensor)
        return copy

    def _reserve(self, num_bytes: int) -> Tensor:
        start = -(-self._used // ALIGNMENT) * ALIGNMENT
        if start + num_bytes > self._chunk.numel():
            self._chunk, start = _map_file(max(num_bytes, CHUNK_BYTES)), 0
        self._used = start + num_bytes
        return self._chunk[start : self._used]


def _map_file(num_bytes: int) -> Tensor:
    """Bytes in a nameless file, shape (num_bytes,)."""
    descriptor, path = tempfile.mkstemp(prefix="toolkit-shelf-")
    try:
        os.truncate(path, num_bytes)
        return torch.from_file(path, shared=True, size=num_bytes, dtype=torch.uint8)
    finally:
        os.close(descriptor)
        os.unlink(path)


def keep_all(shelf: Shelf, value: Any) -> Any:
    """The same nest with kept copies of its tensors; other objects stay themselves."""
    if isinstance(value, torch.Tensor):
        return shelf.keep(value)
    if type(value) in (list, tuple):
        items: List[Any] = [keep_all(shelf, item) for item in value]
        return type(value)(items)
    if type(value) is dict:
        return {key: keep_all(shelf, item) for key, item in value.items()}
    return value
