"""Runs one target on one file in a process with bounds.

Run as `python -m tests.fuzz.bounded TARGET FILE`.
"""

import resource
import sys
from pathlib import Path

from tests.bounds import CHECKPOINT_CPU_S

MAX_MEMORY_BYTES = 1 << 30


def main() -> None:
    """Ends with 0 if the target returned or raised BadInput within its bounds."""
    from tests.fuzz.targets import TARGETS, run

    started = int(resource.getrusage(resource.RUSAGE_SELF).ru_utime)
    most = started + CHECKPOINT_CPU_S
    resource.setrlimit(resource.RLIMIT_CPU, (most, most + 1))
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    run(TARGETS[sys.argv[1]], Path(sys.argv[2]).read_bytes())


if __name__ == "__main__":
    main()
