"""Moves bytes from one file to another without their passing through this process."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from toolkit.core.errors import BadInput
from toolkit.core.positional import read_at, write_at

CHUNK_BYTES = 1 << 26
"""Copied at a time: progress shows and an interrupt is heard between two of them. Not smaller,
because between two chunks a thread waits some milliseconds for a Python that is busy elsewhere."""
_BUFFER_BYTES = 1 << 20
_UNABLE = {
    errno.EXDEV,
    errno.EINVAL,
    errno.ENOSYS,
    errno.EOPNOTSUPP,
    errno.EPERM,
    errno.EACCES,
    errno.EBADF,
    errno.ETXTBSY,
}
"""A file system or kernel that cannot copy this way; another way may do."""

Way = Callable[[int, int, int, int, int], int]


def copy_bytes(
    source: int, target: int, *, source_offset: int, target_offset: int, num_bytes: int
) -> None:
    """Copies a stretch of one open file into another, by the kernel where it can.

    Args:
        source: Descriptor open for reading.
        target: Descriptor open for writing; its position is undefined afterwards.
        source_offset: In bytes from the start of the source.
        target_offset: In bytes from the start of the target.
        num_bytes: How many.

    Raises:
        BadInput: the source ends before.
        OSError: the target's file system refuses.
    """
    done = 0
    while done < num_bytes:
        left = num_bytes - done
        count = _copy_some(source, target, source_offset + done, target_offset + done, left)
        if count == 0:
            raise BadInput(
                f"The checkpoint must hold {num_bytes} bytes at byte {source_offset}, but ends "
                f"after {done} of them. It changed while it was read; convert it again."
            )
        done += count


def _copy_some(source: int, target: int, begin: int, end: int, num_bytes: int) -> int:
    """Copies at least one byte, by the first way that works; 0 at the end of the source."""
    for way in (_by_copy_file_range, _by_sendfile):
        try:
            count = way(source, target, begin, end, num_bytes)
        except (OSError, AttributeError) as error:
            if isinstance(error, OSError) and error.errno not in _UNABLE:
                raise
            continue
        if count:  # some file systems say 0 instead of an error
            return count
    return _by_reading(source, target, begin, end, num_bytes)


def _by_copy_file_range(source: int, target: int, begin: int, end: int, num_bytes: int) -> int:
    return os.copy_file_range(source, target, num_bytes, begin, end)


def _by_sendfile(source: int, target: int, begin: int, end: int, num_bytes: int) -> int:
    os.lseek(target, end, os.SEEK_SET)
    return os.sendfile(target, source, begin, num_bytes)


def _by_reading(source: int, target: int, begin: int, end: int, num_bytes: int) -> int:
    chunk = read_at(source, min(num_bytes, _BUFFER_BYTES), begin)
    return write_at(target, chunk, end) if chunk else 0
