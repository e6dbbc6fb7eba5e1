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


Known = Callable[[str, Mark], str | None]
"""The hash of a path that was computed at a mark; None where it was not."""
Keep = Callable[[str, Mark, str], object]
"""Takes what was computed."""


@dataclass(frozen=True, kw_only=True)
class Hashes:
    """Computes hashes, or remembers them."""

    known: Known
    keep: Keep

    def of_file(self, path: Path) -> str:
        """The sha256 of a file.

        Raises:
            BadInput: it cannot be read, or changed meanwhile.
        """
        name = os.path.realpath(path)
        try:
            before = _mark(name)
            digest = self.known(name, before)
            if digest is None:
                digest = _digest(Path(name))
                if _mark(name) != before:
                    raise BadInput(
                        f"`{path}` must stay as it is while it is read, but changed. Begin again "
                        "when it is whole."
                    )
                if time.time() - before.mtime_ns / 1e9 > SETTLED_S:
                    self.keep(name, before, digest)
        except OSError as error:
            raise BadInput(
                f"`{path}` must be a file that can be read, but {reason_of(error)}. Check the path."
            ) from error
        return digest

    def of_folder(self, folder: Path) -> str:
        """The sha256 over names and contents of all files of a folder.

        Raises:
            BadInput: one cannot be read.
        """
        total = hashlib.sha256()
        for name, path in _files_of(folder):
            total.update(f"{name}\0{self.of_file(path)}\n".encode("utf-8", "surrogateescape"))
        return total.hexdigest()

    def of(self, path: Path) -> str:
        """The sha256 of a file, or of all files of a folder.

        Raises:
            BadInput: it cannot be read.
        """
        return self.of_folder(path) if path.is_dir() else self.of_file(path)


def _files_of(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path


def _mark(path: str) -> Mark:
    status = os.stat(path)
    return Mark(size=status.st_size, mtime_ns=status.st_mtime_ns, inode=status.st_ino)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with open_plain(path) as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
