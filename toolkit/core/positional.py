"""Reads and writes an open file at a given place, on systems whose calls take no place too."""

from __future__ import annotations

import os
from threading import Lock

_MOVING = Lock()
"""Held where the place is set by one call and used by the next, so that no thread comes between."""


def read_at(file: int, num_bytes: int, offset: int) -> bytes:
    """Returns at most `num_bytes` from an offset on; none at the end of the file.

    Args:
        file: A descriptor; where it stands is undefined afterwards.
        num_bytes: At most so many.
        offset: In bytes from the start of the file.

    Raises:
        OSError: it cannot be read.
    """
    if hasattr(os, "pread"):
        return os.pread(file, num_bytes, offset)
    with _MOVING:
        os.lseek(file, offset, os.SEEK_SET)
        return os.read(file, num_bytes)


def read_into(file: int, buffer: bytearray | memoryview, offset: int) -> int:
    """Fills a buffer from an offset on as far as one call goes; returns how many bytes it read.

    Args:
        file: A descriptor; where it stands is undefined afterwards.
        buffer: What is written to.
        offset: In bytes from the start of the file.

    Raises:
        OSError: it cannot be read.
    """
    if hasattr(os, "preadv"):
        return os.preadv(file, [buffer], offset)
    content = read_at(file, len(buffer), offset)
    buffer[: len(content)] = content
    return len(content)


def write_at(file: int, content: bytes | memoryview, offset: int) -> int:
    """Writes from an offset on as far as one call goes; returns how many bytes it wrote.

    Args:
        file: A descriptor; where it stands is undefined afterwards.
        content: What is written.
        offset: In bytes from the start of the file.

    Raises:
        OSError: it cannot be written.
    """
    if hasattr(os, "pwrite"):
        return os.pwrite(file, content, offset)
    with _MOVING:
        os.lseek(file, offset, os.SEEK_SET)
        return os.write(file, content)
