"""Hashes of files, each computed once while the file stays as it is."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from toolkit.checkpoint.plain_files import open_plain
from toolkit.core.errors import BadInput, reason_of

CHUNK_BYTES = 1 << 20
SETTLED_S = 2.0
"""A file that changed so short a time ago may change again without its time showing it."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What changes where a file does."""

    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, kw_only=True)
class Read:
    """The hash of a file, and what the file was like while it was read."""

    mark: Mark
    digest: str


Known = Callable[[str, Mark], str | None]
"""The hash of a path that was computed at a mark; None where it was not."""
Keep = Callable[[str, Mark, str], object]
"""Takes what was computed."""
Taken = Callable[[str], Read | None]
"""What was read of a file already; None where nothing was."""


def nothing(_: str) -> None:
    """Of any file."""


@dataclass(frozen=True, kw_only=True)
class Hashes:
    """Computes hashes, or remembers them."""

    known: Known
    keep: Keep
    take: Taken = nothing

    def of_file(self, path: Path) -> str:
        """The sha256 of a file.

        Raises:
            BadInput: it cannot be read, or changed meanwhile.
        """
        name = os.path.realpath(path)
        try:
            mark = mark_of(name)
            digest = self.known(name, mark)
            if digest is None:
                digest = self._read(name, mark).digest
        except OSError as error:
            raise BadInput(
                f"`{path}` must be a file that can be read, but {reason_of(error)}. Check the path."
            ) from error
        return digest

    def _read(self, name: str, mark: Mark) -> Read:
        """Reads a file, unless it was read as it is now."""
        read = self.take(name)
        if read is None or read.mark != mark:
            read = read_now(name)
        if time.time() - read.mark.mtime_ns / 1e9 > SETTLED_S:
            self.keep(name, read.mark, read.digest)
        return read

    def of_folder(self, folder: Path) -> str:
        """The sha256 over names and contents of all files of a folder.

        Raises:
            BadInput: one cannot be read.
        """
        total = hashlib.sha256()
        for name, path in files_of(folder):
            total.update(f"{name}\0{self.of_file(path)}\n".encode("utf-8", "surrogateescape"))
        return total.hexdigest()

    def of(self, path: Path) -> str:
        """The sha256 of a file, or of all files of a folder.

        Raises:
            BadInput: it cannot be read.
        """
        return self.of_folder(path) if path.is_dir() else self.of_file(path)


def read_now(name: str, is_stopped: Callable[[], bool] = lambda: False) -> Read:
    """Reads a file from its beginning to its end.

    Raises:
        BadInput: it changed meanwhile, or it is asked to stop.
        OSError: it cannot be read.
    """
    before = mark_of(name)
    digest = hashlib.sha256()
    with open_plain(Path(name)) as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            if is_stopped():
                raise BadInput(f"`{name}` must be read to its end, but was not. Begin again.")
    if mark_of(name) != before:
        raise BadInput(
            f"`{name}` must stay as it is while it is read, but changed. Begin again when it is "
            "whole."
        )
    return Read(mark=before, digest=digest.hexdigest())


def files_of(folder: Path) -> Iterator[tuple[str, Path]]:
    """All files of a folder, by their names seen from it."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path


def mark_of(path: str) -> Mark:
    """What a file is like now.

    Raises:
        OSError: it is not there.
    """
    status = os.stat(path)
    return Mark(size=status.st_size, mtime_ns=status.st_mtime_ns, inode=status.st_ino)
