"""What a command had written when it was interrupted."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from toolkit.core.outputs import STDOUT, Output

NOTHING = "nothing was written"
GROWING = ("--reproduction",)
"""Options whose folders grow piece by piece, where all others appear whole."""


class Interrupted(KeyboardInterrupt):
    """The user's Ctrl-C, with what there is of the outputs in words."""


@contextmanager
def telling_what_is_there(outputs: Sequence[Output]) -> Iterator[None]:
    """While the context lasts, an interruption says which of the outputs were written.

    Raises:
        Interrupted: in place of the interruption.
    """
    named = [output for output in outputs if output.path != STDOUT]
    before = [_maybe_mark(output.path) for output in named]
    try:
        yield
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
