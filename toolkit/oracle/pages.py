"""Lets go of memory that nobody looks at: pages of mapped files, and what was freed.

Pages that were read count as the process's own until the system needs them, and two models are as
large as their files. What is let go of stays in the system's cache: whoever reads it again takes it
from there, not from the disk. What was freed stays with the allocator where something that is still
in use lies behind it.
"""

from __future__ import annotations

import ctypes
import mmap
import re
from dataclasses import dataclass
from typing import List

ENOUGH_BYTES = 1 << 30
"""What mapped files may take before a pass, the libraries' own included; and so much may be left
with the allocator, of all else."""
ENOUGH_WITHIN_BYTES = 5 << 29
"""What mapped files may take while a pass lasts: whatever is let go of too early is read again."""
LARGE_BYTES = 1 << 25
"""Mappings below this size are left alone."""
_HEADER = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S+) ([0-9a-f]+) (\S+) (\d+)\s", re.MULTILINE)
_COPIED = re.compile(r"^(?:Anonymous|Swap):\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True)
class FileMapping:
    """A part of a file that this process sees as memory."""

    start: int
    end: int
    file: str
    """Its device and number, which no other file has as long as it is mapped."""
    offset: int
    """Which byte of the file is the first."""
    is_code: bool
    is_written: bool
    """Whether pages of it were written to, which are private copies then that no file holds."""


def let_go(enough_bytes: int = ENOUGH_BYTES) -> None:
    """Where mapped files take more than enough, takes their pages out of this process's memory.

    Mappings that were written to stay as they are, and so does everything on a system that does
    not say which were.

    Args:
        enough_bytes: What they may take.
    """
    if not hasattr(mmap, "MADV_DONTNEED") or resident_bytes().of_files <= enough_bytes:
        return
    libc = ctypes.CDLL(None)  # where the system says what files take, which is Linux
    for mapping in read_mappings():
        size = mapping.end - mapping.start
        if size >= LARGE_BYTES and not (mapping.is_code or mapping.is_written):
            libc.madvise(ctypes.c_void_p(mapping.start), ctypes.c_size_t(size), mmap.MADV_DONTNEED)


def hand_back(enough_bytes: int = ENOUGH_BYTES) -> None:
    """Where this process has more than enough memory of its own, what was freed goes back.

    Only glibc leaves it to the program to say when; see its `malloc_trim`.

    Args:
        enough_bytes: What it may have.
    """
    if resident_bytes().of_its_own > enough_bytes:
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


@dataclass(frozen=True)
class Resident:
    """Memory of this process, in bytes."""

    of_files: int
    """Pages of files and of memory that is shared."""
    of_its_own: int


def resident_bytes() -> Resident:
    """How much memory this process has; nothing where the system does not say."""
    _, resident, shared, *_ = (int(word) for word in (_read("/proc/self/statm") or "0 0 0").split())
    return Resident(of_files=shared * mmap.PAGESIZE, of_its_own=(resident - shared) * mmap.PAGESIZE)


def read_mappings() -> List[FileMapping]:
    """The mapped parts of files; none where the system does not say."""
    text = _read("/proc/self/smaps")
    headers = list(_HEADER.finditer(text))
    ends = [header.start() for header in headers[1:]] + [len(text)]
    return [
        FileMapping(
            start=int(header[1], 16),
            end=int(header[2], 16),
            file=header[5] + " " + header[6],
            offset=int(header[4], 16),
            is_code="x" in header[3],
            is_written=_is_written(text[header.end() : end]),
        )
        for header, end in zip(headers, ends)
        if header[6] != "0"
    ]


def _is_written(facts: str) -> bool:
    """Where nothing is said of copies, there may be some."""
    copied = _COPIED.findall(facts)
    return not copied or any(kilobytes != "0" for kilobytes in copied)


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""
