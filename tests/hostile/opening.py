"""Opens files as the toolkit does, each in a process with bounds, and says what happened as JSON.

Run as `python -m tests.hostile.opening`: a path per line comes in, a line of JSON goes out. What
Python and the toolkit import is imported once; every file gets a fork of that process.
"""

import json
import os
import resource
import signal
import sys
import time
from pathlib import Path

from tests.bounds import CHECKPOINT_CPU_S

MAX_WALL_S = 300
MAX_MEMORY_BYTES = 1 << 30

_FORBIDDEN = (
    "os.system",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.putenv",
    "subprocess.Popen",
    "socket.",
    "ctypes.",
    "pickle.find_class",
    "shutil.",
    "import",
)
"""Beginnings of the events that Python reports to an audit hook when a program acts."""


def main() -> None:
    """Ends with its input; a process that dies is told by how it ended."""
    # What Python and the toolkit import late, by themselves.
    import tarfile  # noqa: F401

    import toolkit.checkpoint  # noqa: F401

    for codec in ("cp437", "latin-1", "unicode-escape", "raw-unicode-escape"):
        b"x".decode(codec)
    for line in sys.stdin:
        sys.stdout.flush()
        child = os.fork()
        if not child:
            _report(Path(line.removesuffix("\n")))
        died = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if died:
            print(json.dumps({"died": died}))
        sys.stdout.flush()


def _report(path: Path) -> None:
    """Opens a file within bounds; never returns."""
    signal.alarm(MAX_WALL_S)
    try:
        outcome = json.dumps(_open_in_bounds(path))
        os.write(sys.stdout.fileno(), outcome.encode() + b"\n")
        os._exit(0)
    except BaseException as error:
        os.write(sys.stderr.fileno(), f"{type(error).__name__}: {error}\n".encode())
        os._exit(1)


def _open_in_bounds(path: Path) -> dict[str, object]:
    from toolkit.checkpoint import open_checkpoint
    from toolkit.core.errors import BadInput

    events: list[str] = []
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CHECKPOINT_CPU_S, CHECKPOINT_CPU_S + 1))
    sys.addaudithook(lambda event, args: _note(events, event, args))
    started, error, names = time.process_time(), None, None
    try:
        names = list(open_checkpoint(path).tensors)
    except BadInput as refusal:
        error = str(refusal)
    seconds, acted = time.process_time() - started, list(events)
    return {"error": error, "names": names, "events": acted, "seconds": seconds}


def _note(events: list[str], event: str, args: tuple[object, ...]) -> None:
    writes = event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+")
    if writes or event.startswith(_FORBIDDEN):
        events.append(f"{event} {args!r:.200}")


if __name__ == "__main__":
    main()
