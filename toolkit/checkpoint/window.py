"""A read-only stretch of a file that never reads past its end, whatever length a file claims."""

from __future__ import annotations

import zlib
from typing import BinaryIO

from toolkit.core.errors import BadInput

MAX_READ_BYTES = 1 << 25
"""Longest single argument in a pickle. Tensor values lie outside of it, so 32 MiB is far above any
real text, and far below what would hurt."""

MAX_TOTAL_BYTES = 3 * MAX_READ_BYTES
"""Most bytes of arguments together. Text takes up to four times as much memory as in the file."""

MAX_LINE_BYTES = 1 << 16
"""Longest line of a text argument: a number, or the name of a class."""

_CHUNK_BYTES = 1 << 20


class Window:
    """The bytes `start` to `end` of a file, as a file of its own with positions from 0."""

    def __init__(self, file: BinaryIO, *, start: int, end: int, label: str) -> None:
        self._file = file
        self._start = start
        self._end = end
        self._label = label
        self._bytes_left = MAX_TOTAL_BYTES
        self._place = start
        """Counted here, as asking the file takes a call of the system each time."""
        self._file.seek(start)

    @property
    def num_bytes(self) -> int:
        """Length of the whole window."""
        return self._end - self._start

    def tell(self) -> int:
        """Returns the position from the window's start."""
        return self._place - self._start

    def skip(self, num_bytes: int) -> None:
        """Moves forward without reading."""
        self._place += num_bytes
        self._file.seek(self._place)

    def read(self, size: int | None = -1) -> bytes:
        """Returns at most `size` bytes, fewer at the end of the window.

        Raises:
            BadInput: The read is longer than `MAX_READ_BYTES`.
        """
        available = self._end - self._place
        if size is None or not 0 <= size <= available:
            size = max(0, available)
        if size > MAX_READ_BYTES:
            raise BadInput(
                f"`{self._label}` must hold arguments of at most {MAX_READ_BYTES} bytes, but the "
                f"one at byte {self.tell()} takes {size}. Get the file again from its origin."
            )
        return self._charge(self._file.read(size))

    def readline(self, size: int | None = -1) -> bytes:
        """Returns the next line, at most `MAX_LINE_BYTES` of it."""
        available = max(0, self._end - self._place)
        limit = MAX_LINE_BYTES if size is None or size < 0 else min(size, MAX_LINE_BYTES)
        return self._charge(self._file.readline(min(limit, available)))

    def crc32(self) -> int:
        """Returns the CRC-32 of the whole window and goes back to its start."""
        self._file.seek(self._start)
        checksum, left = 0, self.num_bytes
        while left > 0 and (chunk := self._file.read(min(_CHUNK_BYTES, left))):
            checksum, left = zlib.crc32(chunk, checksum), left - len(chunk)
        self._file.seek(self._start)
        self._place = self._start
        return checksum

    def _charge(self, content: bytes) -> bytes:
        num_bytes = len(content)
        self._place += num_bytes
        self._bytes_left -= num_bytes
        if self._bytes_left < 0:
            raise BadInput(
                f"`{self._label}` must be a pickle of at most {MAX_TOTAL_BYTES} bytes beside its "
                f"tensors, but goes on beyond. Get the file again from its origin."
            )
        return content
