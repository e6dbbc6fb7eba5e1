"""Asks a runner, in a process of its own where it comes from a file."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, TimeoutError
from contextlib import contextmanager
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
    # The process ends first, so that nobody waits for what it never says.
    with ThreadPoolExecutor(1) as reading, _child() as child:

        def exchange(message: object, clip: str = "") -> object:
            try:
                pickle.dump(message, child.stdin)  # type: ignore[arg-type]  # both are pipes
                child.stdin.flush()  # type: ignore[union-attr]
                said = reading.submit(pickle.load, child.stdout)  # type: ignore[arg-type]
                return said.result(limit_s)
            except TimeoutError:
                child.kill()
                return Raised(because=f"takes more than {limit_s} s (`--runner-limit`){clip}")
            except (EOFError, OSError, pickle.UnpicklingError):
                return Raised(because=f"ends its process with the code {child.wait()}{clip}")

        loaded = exchange((runner, folder))
        if isinstance(loaded, Raised):
            told = f"`{runner}` must load, but {loaded.because}. Correct it."
            raise BadInput(loaded.because if loaded.is_refused else told)
        yield lambda example: _answer(runner, example, exchange(example))


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
def _child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that is gone when the context ends."""
    command = [sys.executable, "-W", "ignore", "-c", START, *sys.path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        try:
            yield child
        finally:
            child.kill()
