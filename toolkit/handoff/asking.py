"""Asks a runner, in a process of its own where it comes from a file."""

from __future__ import annotations

import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

from toolkit.core.errors import BadInput
from toolkit.handoff.answer import Answer
from toolkit.handoff.child import START, Raised, ask_safely
from toolkit.handoff.example import Example, Runner

Ask: TypeAlias = Callable[[Example], Answer]
"""What is said of a clip."""


class DoesNotAnswer(Exception):
    """A runner gives nothing of a clip: a result. What it says names runner and clip."""


def name_of(runner: str | Runner) -> str:
    """What a runner is called."""
    return runner if isinstance(runner, str) else type(runner).__name__


@contextmanager
def asked(runner: str | Runner, folder: Path, *, limit_s: int) -> Iterator[Ask]:
    """The runner, ready to be asked while the context lasts.

    To ask raises `BadInput` where what it returns is no answer, and `DoesNotAnswer` where it does
    not return.

    Args:
        runner: `FILE.py:NAME`, which is loaded in a process of its own; or an object, which is
            asked here, with no limit.
        folder: What the runner is made with.
        limit_s: Seconds that loading, and each clip, may take.

    Raises:
        BadInput: it cannot be loaded.
    """
    if not isinstance(runner, str):
        yield lambda example: _answer(name_of(runner), example, ask_safely(runner, example))
        return
    with _child() as exchange:
        loaded = exchange((runner, folder), limit_s)
        if isinstance(loaded, Raised):
            told = f"`{runner}` must load, but {loaded.because}. Correct it."
            raise BadInput(loaded.because if loaded.is_refused else told)
        yield lambda example: _answer(runner, example, exchange(example, limit_s))


def _answer(runner: str, example: Example, said: object) -> Answer:
    if isinstance(said, Answer):
        return said
    assert isinstance(said, Raised)
    if said.is_refused:
        raise BadInput(
            f"`{runner}` must answer as docs/handoff.md says, but {said.because}, of the clip "
            f"`{example.clip}`. Correct it."
        )
    raise DoesNotAnswer(f"`{runner}` {said.because}, of the clip `{example.clip}`")


@contextmanager
def _child() -> Iterator[Callable[[object, int], object]]:
    """What a process says to a message within some seconds; it is gone when the context ends."""
    command = [sys.executable, "-W", "ignore", "-c", START, *sys.path]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None, "it has a pipe"
    replies: queue.Queue[object] = queue.Queue()
    threading.Thread(target=_read, args=(child, replies), daemon=True).start()

    def exchange(message: object, limit_s: int) -> object:
        with suppress(OSError):  # it is gone, which the other pipe says
            pickle.dump(message, child.stdin)  # type: ignore[arg-type]  # it is there
            child.stdin.flush()  # type: ignore[union-attr]
        try:
            return replies.get(timeout=limit_s)
        except queue.Empty:
            return Raised(because=f"takes more than {limit_s} s (`--runner-limit`)")

    try:
        yield exchange
    finally:
        child.kill()
        child.wait()
        with suppress(OSError):
            child.stdin.close()


def _read(child: subprocess.Popen[bytes], replies: queue.Queue[object]) -> None:
    """Takes what a process says until it ends.

    A thread of its own reads, as what the process has begun itself may keep the pipe open.
    """
    assert child.stdout is not None, "it has a pipe"
    with child.stdout as stream:
        while True:
            try:
                replies.put(pickle.load(stream))
            except (EOFError, OSError, pickle.UnpicklingError):
                replies.put(Raised(because=f"ends its process with the code {child.wait()}"))
                return
