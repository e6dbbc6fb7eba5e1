"""Work on bytes in a thread of its own; the kernel and `hashlib` run beside Python."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Event, Thread
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class _GivenUpError(Exception):
    """Nobody waits for the outcome any more."""


class Background(AbstractContextManager["Background[T]"], Generic[T]):
    """Runs a function that reports every chunk of bytes; gives it up at the end of the context."""

    def __init__(self, work: Callable[[Callable[[int], None]], T]) -> None:
        self.num_bytes = 0
        self._work = work
        self._given_up = Event()
        self._ended = Event()
        self._outcome: list[T] = []
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, name="background", daemon=True)
        self._thread.start()

    def wait(self, timeout_s: float) -> bool:
        """Waits for the end, for a while; whether it came."""
        return self._ended.wait(timeout_s)

    def result(self) -> T:
        """What the function returned, once it did; raises what it raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._outcome[0]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Ends the work at its next chunk if it is still going on."""
        self._given_up.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._outcome.append(self._work(self._advance))
        except BaseException as error:  # raised where the result is asked for
            self._error = error
        finally:
            self._ended.set()

    def _advance(self, num_bytes: int) -> None:
        if self._given_up.is_set():
            raise _GivenUpError
        self.num_bytes += num_bytes
