"""Looks at a folder as the toolkit does first, in a process with bounds; says what happened.

Run as `python -m tests.hostile.admitting FOLDER`.
"""

import json
import resource
import sys
import time
from pathlib import Path

from tests.bounds import FOLDER_CPU_S

MAX_MEMORY_BYTES = 1 << 30


def main() -> None:
    """Ends with 0 whether the folder was admitted or refused."""
    from toolkit.core.errors import BadInput
    from toolkit.folder.admission import check_folder

    events: list[str] = []
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (FOLDER_CPU_S, FOLDER_CPU_S + 1))
    sys.addaudithook(lambda event, args: _note(events, event, args))
    started, error, names = time.process_time(), None, None
    try:
        names = list(check_folder(Path(sys.argv[1])))
    except BadInput as refusal:
        error = str(refusal)
    seconds, acted = time.process_time() - started, list(events)
    print(json.dumps({"error": error, "names": names, "events": acted, "seconds": seconds}))


def _note(events: list[str], event: str, args: tuple[object, ...]) -> None:
    # A descriptor is the pipe to the process that tries a tokenizer.
    mode = args[1] if event == "open" and not isinstance(args[0], int) else None
    writes = isinstance(mode, str) and set(mode) & set("wax+")
    if writes or event in {"os.remove", "os.rename", "os.mkdir", "os.system", "socket.connect"}:
        events.append(f"{event} {args!r:.200}")


if __name__ == "__main__":
    main()
