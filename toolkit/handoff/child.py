"""A runner in a process of its own, which may hang, crash and print as it likes.

Whoever started it writes to its standard input, and reads what was its standard output; what the
runner prints goes to standard error.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from toolkit.core.errors import BadInput
from toolkit.handoff.answer import Answer, NoAnswer, read_answer
from toolkit.handoff.example import Example, Runner
from toolkit.handoff.loading import describe_error, load_runner, parse_runner

START = "import sys\nsys.path[:] = sys.argv[1:]\nfrom toolkit.handoff.child import main\nmain()"
"""Begins the process with the paths of its parent, and thus with nothing of the current folder."""


@dataclass(frozen=True, kw_only=True)
class Raised:
    """The runner did not answer."""

    because: str
    """Worded to follow "but"."""
    is_refused: bool = False
    """Whether what it did is no answer, rather than none."""


def main() -> None:
    """Loads the runner that is named first, then answers one example after the other."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # its parent ends it
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    requests: queue.Queue[object] = queue.Queue()
    threading.Thread(target=_read, args=(sys.stdin.buffer, requests), daemon=True).start()
    first = requests.get()
    assert isinstance(first, tuple), "what to load comes first"
    named, folder = first
    try:
        runner = load_runner(named, folder)
    except BadInput as error:
        _reply(replies, Raised(because=str(error), is_refused=True))
        return
    _reply(replies, None)
    while True:
        example = requests.get()
        assert isinstance(example, Example), "then come clips"
        _reply(replies, ask_safely(runner, example, parse_runner(named)[0]))


def ask_safely(runner: Runner, example: Example, file: Path | None = None) -> Answer | Raised:
    """What a runner says of a clip, whatever it does.

    Args:
        runner: The runner.
        example: The clip.
        file: Where the runner was written, whose lines are named.
    """
    try:
        return read_answer(runner.ask(example))
    except NoAnswer as error:
        return Raised(because=str(error), is_refused=True)
    except (Exception, SystemExit) as error:
        return Raised(because=f"raises {describe_error(error, file)}")


def _read(stream: BinaryIO, requests: queue.Queue[object]) -> None:
    """Takes what is asked; ends the process with its parent, whatever the runner is at."""
    while True:
        try:
            requests.put(pickle.load(stream))
        except (EOFError, OSError):
            os._exit(0)


def _reply(stream: BinaryIO, said: object) -> None:
    pickle.dump(said, stream)
    stream.flush()
