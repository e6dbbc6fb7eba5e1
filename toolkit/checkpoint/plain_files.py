"""Opens what must be a plain file: pipes would wait for their other end, devices never end."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO


class NoFile(OSError):
    """The path leads to a pipe, a socket or a device."""


def open_plain(path: Path) -> BinaryIO:
    """Returns the open file, to be read.

    Raises:
        NoFile: It is not a plain file, or no file can have that name.
        OSError: It cannot be opened.
    """
    try:
        return open(path, "rb", opener=_open_at_once)
    except ValueError as error:  # a null byte
        raise NoFile(str(error)) from error


def read_small(path: Path, *, max_bytes: int) -> bytes:
    """Returns the content of a file of at most `max_bytes`.

    Raises:
        OSError: It cannot be read, or is not a plain file.
        ValueError: It is larger; worded to follow "but".
    """
    with open_plain(path) as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ValueError(f"it has more than {max_bytes} bytes")
    return content


def _open_at_once(path: str, flags: int) -> int:
    # To ask the path first would leave a moment in which a pipe can take the place of the file.
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise NoFile("it is no plain file")
