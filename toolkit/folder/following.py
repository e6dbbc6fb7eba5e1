"""The digest of a file that is still being written, by a thread that follows the writer."""

from __future__ import annotations

import hashlib
import os
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Condition, Thread
from types import TracebackType

_BUFFER_BYTES = 1 << 18
"""Small enough to stay in the processor's cache between reading and hashing."""


class FollowingDigest(AbstractContextManager["FollowingDigest"]):
    """Hashes a file as far as it is written; `hashlib` and the kernel run beside Python."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._digest = hashlib.sha256()
        self._changed = Condition()
        self._num_written = 0
        self._is_last = False
        self._given_up = False
        self._error: Exception | None = None
        self._thread = Thread(target=self._follow, name="sha256", daemon=True)
        self._thread.start()

    def advance(self, num_bytes: int) -> None:
        """Says that so many more bytes are written."""
        with self._changed:
            self._num_written += num_bytes
            self._changed.notify()

    def finish(self) -> bytes:
        """The digest of everything that was written."""
        with self._changed:
            self._is_last = True
            self._changed.notify()
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._digest.digest()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Ends the thread, whatever it has done so far."""
        with self._changed:
            self._given_up = True
            self._changed.notify()
        self._thread.join()
        os.close(self._file)

    def _follow(self) -> None:
        buffer = memoryview(bytearray(_BUFFER_BYTES))
        position = 0
        try:
            while (available := self._wait(position)) > 0:
                wanted = min(available, len(buffer))
                count = os.preadv(self._file, [buffer[:wanted]], position)
                if count == 0:
                    raise OSError(f"the file ends at byte {position}")
                self._digest.update(buffer[:count])
                position += count
        except Exception as error:  # raised where the digest is asked for
            self._error = error

    def _wait(self, position: int) -> int:
        """Bytes that are there to be hashed; 0 at the end."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._given_up or self._is_last or self._num_written > position
            )
            return 0 if self._given_up else self._num_written - position
