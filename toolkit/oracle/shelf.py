"""Keeps tensors in files instead of memory, for recordings of models that fill it themselves."""

from __future__ import annotations

import mmap
import tempfile
import weakref
from typing import Any, Dict, List, Tuple

import numpy as np
import torch
from torch import Tensor

from toolkit.oracle.nests import map_tensors
from toolkit.oracle.old_torch import to_bytes, view_as

SMALL_BYTES = 1 << 14
"""What is not larger stays in memory."""
CHUNK_BYTES = 1 << 26
ALIGNMENT = 64
"""Bytes; vectorized kernels want their operands so."""


class Shelf:
    """Copies of tensors, in files that are gone as soon as nobody holds a copy.

    The files have no name: nothing is left behind, however the process ends. What is written into
    them takes no memory of the process before it is read.
    """

    def __init__(self) -> None:
        self._chunks: List[_Chunk] = []
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

    def rest(self) -> None:
        """Takes the copies that were read out of memory again."""
        for chunk in self._chunks:
            chunk.rest()

    def _copy(self, tensor: Tensor) -> Tensor:
        num_bytes = tensor.numel() * tensor.element_size()
        if num_bytes <= SMALL_BYTES:
            return tensor.to("cpu", copy=True).contiguous()
        if not self._chunks or not self._chunks[-1].has_room(num_bytes):
            self._chunks.append(_Chunk(max(num_bytes, CHUNK_BYTES)))
        return self._chunks[-1].write(tensor.to("cpu").contiguous())


class _Chunk:
    """A nameless file, and the memory that it is mapped to."""

    def __init__(self, num_bytes: int) -> None:
        # It is closed with the last copy that somebody holds, not with a block of code.
        self._file = tempfile.TemporaryFile(prefix="toolkit-shelf-")  # noqa: SIM115
        self._file.truncate(num_bytes)
        self._map = mmap.mmap(self._file.fileno(), num_bytes)
        self._bytes = torch.from_numpy(np.frombuffer(self._map, dtype=np.uint8))
        self._used = 0

    def has_room(self, num_bytes: int) -> bool:
        """Whether as many bytes are free behind those in use."""
        return self._start + num_bytes <= self._bytes.numel()

    def write(self, tensor: Tensor) -> Tensor:
        """A copy of a contiguous tensor in memory, which is not read before somebody reads it."""
        content = to_bytes(tensor)
        start, end = self._start, self._start + len(content)
        # Through the file, not the map: pages that were never touched take no memory.
        self._file.seek(start)
        self._file.write(content.data)
        self._file.flush()
        self._used = end
        return view_as(self._bytes[start:end], tensor.dtype).view(tensor.shape)

    def rest(self) -> None:
        """Lets go of the pages that were read; the file still holds what they said."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)

    @property
    def _start(self) -> int:
        return -(-self._used // ALIGNMENT) * ALIGNMENT


def keep_all(shelf: Shelf, value: Any) -> Any:
    """The same nest with kept copies of its tensors; other objects stay themselves."""
    return map_tensors(value, shelf.keep)
