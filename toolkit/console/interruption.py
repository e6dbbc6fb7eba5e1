"""What a command had written when it was interrupted."""

from __future__ import annotations

import os
import signal
from _thread import interrupt_main
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Timer, current_thread, main_thread
from types import FrameType

import click

from toolkit.core.outputs import STDOUT, Output

NOTHING = "nothing was written"
GROWING = ("--reproduction",)
"""Options whose folders grow piece by piece, where all others appear whole."""


_PATIENCE_S = 0.05
"""From one look whether an import has ended to the next."""


class Interrupted(KeyboardInterrupt):
    """The user's Ctrl-C, with what there is of the outputs in words."""


@contextmanager
def waiting_for_imports() -> Iterator[None]:
    """While the context lasts, an interruption amid an import takes effect after it.

    What is compiled takes an exception while it is imported for its end (torch), or for nothing.
    """
    own = signal.default_int_handler
    if signal.getsignal(signal.SIGINT) is not own or current_thread() is not main_thread():
        yield
        return
    signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, own)


def _interrupt(_signal: int, frame: FrameType | None) -> None:
    if not _is_importing(frame):
        raise KeyboardInterrupt
    later = Timer(_PATIENCE_S, interrupt_main)
    later.daemon = True
    later.start()


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


@contextmanager
def telling_what_is_there(outputs: Sequence[Output]) -> Iterator[None]:
    """While the context lasts, an interruption says which of the outputs were written.

    Raises:
        Interrupted: in place of the interruption; one that says as much already stays.
    """
    named = [output for output in outputs if output.path != STDOUT]
    before = [_maybe_mark(output.path) for output in named]
    try:
        yield
    except Interrupted:
        raise
    except (KeyboardInterrupt, click.Abort) as stop:
        after = [_maybe_mark(output.path) for output in named]
        written = [now is not None and now != then for now, then in zip(after, before, strict=True)]
        raise Interrupted(_word(named, written)) from stop


def _maybe_mark(path: Path) -> tuple[int, int] | None:
    """What changes where a path is written anew; None where nothing is."""
    try:
        status = os.lstat(path)
    except (OSError, ValueError):
        return None
    return status.st_ino, status.st_mtime_ns


def _word(outputs: Sequence[Output], written: Sequence[bool]) -> str:
    if not any(written):
        return NOTHING
    return ", ".join(
        f"`{output.path}` {_state(output, is_there=there)}"
        for output, there in zip(outputs, written, strict=True)
    )


def _state(output: Output, *, is_there: bool) -> str:
    if not is_there:
        return "was not written"
    return "may lack something" if output.option in GROWING else "is whole"
