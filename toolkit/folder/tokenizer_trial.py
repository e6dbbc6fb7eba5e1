"""Tries a tokenizer that nobody trusts in a process of its own.

The library of tokenizers panics over some files, and a file can make it take any time and memory;
neither can be caught where it happens. Run as `python -m toolkit.folder.tokenizer_trial`.
"""

from __future__ import annotations

import subprocess
import sys
from functools import lru_cache

MAX_CPU_S = 20
"""A tokenizer of 250,000 pieces takes two."""
MAX_MEMORY_BYTES = 1 << 30
MAX_WALL_S = 300
"""For a machine that is busy elsewhere."""
TEXTS = ("", " a b ", "ﬁne Ⅷ e\u0301 漢字 😀", "Don't stop-me, now… (100%)!\n", "a" * 1000)

_PANICKED, _REFUSED = 3, 4


@lru_cache(maxsize=2)
def maybe_misbehaviour(content: bytes) -> str | None:
    """Says what the content of a `tokenizer.json` does to a process; worded to follow "but".

    None where it is read and used, and where it is refused in good order.
    """
    command = [sys.executable, "-m", "toolkit.folder.tokenizer_trial"]
    try:
        child = subprocess.run(
            command, input=content, capture_output=True, check=False, timeout=MAX_WALL_S
        )
    except subprocess.TimeoutExpired:
        return f"reading it takes more than {MAX_WALL_S} s"
    if child.returncode in (0, _REFUSED):
        return None
    if child.returncode == _PANICKED:
        return "the library of tokenizers panics over it"
    return (
        f"reading it, or a few short texts with it, takes more than {MAX_CPU_S} s or "
        f"{MAX_MEMORY_BYTES} bytes"
    )


def main() -> int:
    """Reads a tokenizer from standard input and uses it, within bounds."""
    _bound()
    try:
        _use(sys.stdin.buffer.read())
    except MemoryError:
        raise
    except Exception:
        return _REFUSED
    except BaseException:
        return _PANICKED
    return 0


def _bound() -> None:
    """Bounds this process, which whoever started it ends in any case after `MAX_WALL_S`.

    Windows has no such bounds: memory is bounded there by what is refused before, and by the size
    of the file.
    """
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU_S, MAX_CPU_S))
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _use(content: bytes) -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_buffer(content)
    for text in TEXTS:
        tokenizer.decode(tokenizer.encode(text).ids)


if __name__ == "__main__":
    sys.exit(main())
