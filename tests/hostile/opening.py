"""Opens a file as the toolkit does, in a process with bounds, and says what happened as JSON.

Run as `python -m tests.hostile.opening FILE`.
"""

import json
import resource
import sys
import time
from pathlib import Path

MAX_CPU_S = 5
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
    """Ends with 0 whether the file was opened or refused."""
    # What Python and the toolkit import late, by themselves.
    import tarfile  # noqa: F401

    for codec in ("cp437", "latin-1", "unicode-escape", "raw-unicode-escape"):
        b"x".decode(codec)

    from toolkit.checkpoint import open_checkpoint
    from toolkit.core.errors import BadInput

    events: list[str] = []
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU_S, MAX_CPU_S + 1))
    sys.addaudithook(lambda event, args: _note(events, event, args))
    started, error, names = time.process_time(), None, None
    try:
        names = list(open_checkpoint(Path(sys.argv[1])).tensors)
    except BadInput as refusal:
        error = str(refusal)
    seconds, acted = time.process_time() - started, list(events)
    print(json.dumps({"error": error, "names": names, "events": acted, "seconds": seconds}))


def _note(events: list[str], event: str, args: tuple[object, ...]) -> None:
    writes = event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+")
    if writes or event.startswith(_FORBIDDEN):
        events.append(f"{event} {args!r:.200}")


if __name__ == "__main__":
    main()
