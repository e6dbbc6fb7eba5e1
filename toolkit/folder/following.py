"""Hashes a file while it is being written, beside the writing."""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType

from toolkit.checkpoint.plain_files import open_plain
from toolkit.core.artifact import FileDigest
from toolkit.folder.background import Background
from toolkit.folder.digest import BUFFER_BYTES, Hashed

_END = 0


class Following(AbstractContextManager["Following"]):
    """Reads back what was written as soon as it is there; gives up at the end of the context."""

    def __init__(self, path: Path) -> None:
        """Begins with a file that exists; nothing of it needs to be there yet."""
        self._path = path
        self._written: SimpleQueue[int] = SimpleQueue()
        self._hashing = Background(self._hash)

    def advance(self, num_bytes: int) -> None:
        """Says that so many bytes more are in the file."""
        self._written.put(num_bytes)

    def finish(self) -> FileDigest:
        """The digest, when all that was written is read.

        Raises:
            OSError: the file cannot be read, or holds less.
        """
        self._written.put(_END)
        return self._hashing.result()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Ends the reading at its next chunk if it is still going on."""
        self._written.put(_END)
        self._hashing.__exit__(kind, error, traceback)

    def _hash(self, hashed: Hashed) -> FileDigest:
        digest, buffer, total = hashlib.sha256(), memoryview(bytearray(BUFFER_BYTES)), 0
        with open_plain(self._path) as file:
            while left := self._written.get():
                total += left
                while left:
                    count = file.readinto(buffer[:left])  # type: ignore[attr-defined]
                    if not count:
                        raise OSError(f"`{self._path}` is shorter than what was written")
                    digest.update(buffer[:count])
                    left -= count
                    hashed(count)
        return FileDigest(sha256=digest.hexdigest(), num_bytes=total)
