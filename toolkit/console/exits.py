"""The ways in which a command ends, each with its exit code and at most one line of why."""

from __future__ import annotations

import errno
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NoReturn, TextIO

import click
from click.exceptions import Exit as Ended

from toolkit.console.interruption import NOTHING, Interrupted
from toolkit.console.silencing import silence
from toolkit.console.speaking import say
from toolkit.core.errors import InternalError, ToolkitError


class Exit(IntEnum):
    """What the exit code says; scripts rely on it."""

    MATCH = 0
    MISMATCH = 1
    BAD_INPUT = 2
    OUR_FAULT = 3
    INTERRUPTED = 130


DEBUG = "--debug"
ISSUES = "the project's issues"
_SYSTEM_SAYS_NO = {
    errno.EACCES,
    errno.EPERM,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.ENAMETOOLONG,
}
"""Refusals of the system that no command can foresee, and that are nobody's bug."""


@dataclass(frozen=True, kw_only=True)
class _Run:
    """What holds for one call of the program."""

    debug: bool


class Commands(click.Group):
    """The commands, all of which end in one of the ways of `Exit`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Their names, in the order in which they are of use."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> object:
        """Runs the command that was named."""
        with _ways_out(debug=isinstance(ctx.obj, _Run) and ctx.obj.debug):
            return super().invoke(ctx)

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> NoReturn:
        """Runs a command line and ends the process."""
        words = list(sys.argv[1:] if args is None else args)
        run = _Run(debug=DEBUG in words)
        extra = {**extra, "standalone_mode": False, "obj": run}
        try:
            with _ways_out(debug=run.debug):
                code = super().main(words, *rest, **extra)
                _flush(sys.stdout)
        except Ended as ended:
            code = ended.exit_code
        for stream in (sys.stdout, sys.stderr):
            _give_up_unless_writable(stream)
        sys.exit(int(code or Exit.MATCH))


@contextmanager
def _ways_out(*, debug: bool) -> Iterator[None]:
    """Turns whatever ends a command into one line and an `Ended`."""
    try:
        yield
    except Ended:
        raise
    except (KeyboardInterrupt, click.Abort) as stop:
        what = str(stop) if isinstance(stop, Interrupted) else NOTHING
        say(f"interrupted: {what}.", err=True)
        raise Ended(Exit.INTERRUPTED) from None
    except click.ClickException as error:
        say(_word_usage(error), err=True)
        raise Ended(Exit.BAD_INPUT) from None
    except BaseException as error:
        if _has_pipe_closed(error):
            raise Ended(Exit.MATCH) from None
        if isinstance(error, SystemExit) and not error.code:
            raise
        refusal = _maybe_refusal(error)
        if refusal is not None:
            say(f"error: {refusal}", err=True)
            raise Ended(Exit.BAD_INPUT) from None
        _say_fault(error, debug=debug)
        raise Ended(Exit.OUR_FAULT) from None


def _has_pipe_closed(error: BaseException) -> bool:
    """Whether nobody reads on, who then has seen enough; click ends with an exit of its own."""
    return any(isinstance(e, BrokenPipeError) for e in (error, error.__context__))


def _maybe_refusal(error: BaseException) -> str | None:
    """What to say of an error that is not the toolkit's, None of one that is."""
    if isinstance(error, ToolkitError) and not isinstance(error, InternalError):
        return str(error)
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return (
            "`memory` must hold the models, but is too small. Close other programs, take shorter "
            "clips with `--audio`, or another machine."
        )
    if isinstance(error, OSError) and error.errno in _SYSTEM_SAYS_NO:
        what = f"`{error.filename}`" if error.filename else "The system"
        return (
            f"{what} must let the command read and write, but says: {error.strerror}. Make room, "
            "or see to the rights."
        )
    return None


def _word_usage(error: click.ClickException) -> str:
    said = error.format_message()
    if said.startswith("Usage:"):  # nothing was typed: the help itself
        return said
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = "toolkit" if context is None else context.command_path
    end = "" if said.endswith("?") else "."
    return f"error: {said.rstrip('.')}{end} See `{path} --help`."


def _say_fault(error: BaseException, *, debug: bool) -> None:
    if debug:
        say("".join(traceback.format_exception(error)), err=True)
    said = " ".join(str(error).split())[:300]
    hint = "" if debug else f" `{DEBUG}` shows where it happened; add that to the report."
    say(
        f"internal error: {type(error).__name__}: {said}. This is a fault of the toolkit, not of "
        f"your files: please report it, with the command line, at {ISSUES}.{hint}",
        err=True,
    )


def _flush(stream: TextIO | None) -> None:
    if stream is not None:
        stream.flush()


def _give_up_unless_writable(stream: TextIO | None) -> None:
    """Lets what a stream cannot take vanish, or Python would try again at exit and complain."""
    try:
        _flush(stream)
    except (OSError, ValueError):
        if stream is not None:
            silence(stream)
