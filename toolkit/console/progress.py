"""Signs of life: a word at once, then a bar on a terminal, or a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from toolkit.console.speaking import say
from toolkit.core.progress import Progress

GREETING = "starting ..."
SECONDS = 30.0
"""Between two lines of a log, of which the first comes after as many."""
_ERASE = "\r\x1b[K"


@contextmanager
def greeting(quiet: bool) -> Iterator[None]:
    """Says at once that something happens, and takes it back: imports may last for seconds.

    Args:
        quiet: Whether nothing is to be said.
    """
    seen = not quiet and _is_terminal()
    if seen:
        _write(GREETING)
    try:
        yield
    finally:
        if seen:
            _write(_ERASE)


@contextmanager
def showing_progress(quiet: bool) -> Iterator[Progress | None]:
    """A bar on a terminal; elsewhere lines, as a log has them.

    Args:
        quiet: Whether nothing is to be shown.
    """
    if quiet:
        yield None
    elif not _is_terminal():
        yield progress_lines()
    else:
        from rich.console import Console

        from toolkit.report.progress_bar import progress_bar

        with progress_bar(Console(stderr=True)) as show:
            yield show


def progress_lines(clock: Callable[[], float] = time.monotonic) -> Progress:
    """Progress that says in a line where it is, at most once in `SECONDS`."""
    started = spoken = clock()

    def show(what: str, done: int, total: int, _unit: str = "steps") -> None:
        nonlocal spoken
        now = clock()
        if now - spoken >= SECONDS:
            share = f" ({done / total:.0%})" if total else ""
            say(f"{now - started:.0f} s: {what}{share}", err=True)
            spoken = now

    return show


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def _write(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):  # nobody is there to see it
        return
