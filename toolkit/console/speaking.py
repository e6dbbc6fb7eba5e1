"""Speaks to the terminal: visible characters only, and no end by a closed pipe or a full disk."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from shutil import get_terminal_size
from typing import TYPE_CHECKING

from toolkit.console.silencing import silence
from toolkit.core.errors import BadInput
from toolkit.core.folding import fold

if TYPE_CHECKING:
    from rich.console import Console

_QUOTED = re.compile(r"`[^`]*`", re.DOTALL)


def say(text: str, *, err: bool = False) -> None:
    """Prints lines in which nothing but their own breaks acts on the terminal.

    What goes to standard error is made for a reader: on a terminal, lines break between words.

    Args:
        text: What to say; names in backticks may come from anywhere.
        err: Whether it goes to standard error, where what cannot be said is lost.

    Raises:
        BadInput: standard output cannot take it.
    """
    from toolkit.report.text import show_controls

    one_line = _QUOTED.sub(lambda match: match[0].replace("\n", "\\n"), text)
    shown = "\n".join(map(show_controls, one_line.split("\n")))
    if err:
        with suppress(OSError, ValueError):
            print(_encodable(_fit(shown), sys.stderr), file=sys.stderr, flush=True)
        return
    with printing():
        print(_encodable(shown, sys.stdout))


@contextmanager
def printing() -> Iterator[None]:
    """Prints to standard output within; who closed it has seen enough.

    Raises:
        BadInput: standard output cannot take what is printed, because its disk is full, say.
    """
    try:
        yield
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)
    except OSError as error:
        silence(sys.stdout)
        raise BadInput(
            f"`stdout` must take what is printed, but the system says: {error.strerror}. Make room "
            "there, or print nothing with `--quiet`."
        ) from error


def make_console(*, err: bool = False) -> Console:
    """The terminal, for tables and colours."""
    from rich.console import Console

    class Terminal(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich itself would end the process, with the code of a mismatch

    return Terminal(stderr=err)


def width() -> int:
    """Columns of the terminal; 80 where there is none."""
    return get_terminal_size().columns


def _fit(text: str) -> str:
    """The text as a terminal takes it; as it is where a program reads on."""
    is_read = sys.stderr is not None and sys.stderr.isatty()
    return fold(text, width()) if is_read else text


def _encodable(text: str, stream: object) -> str:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, errors="backslashreplace").decode(encoding)
