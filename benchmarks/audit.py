"""What an audit costs against hashing the same files: `make bench-audit`.

A random checkpoint is converted. The command and `sha256sum` of all files of the folder take turns,
with the files in the page cache; the medians of their processor time count, as other work on the
machine does not bear on it. The bar is 1.5.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.checkpoints import SHAPES, build_checkpoint
from benchmarks.measuring import measure
from toolkit import convert

BAR = 1.5
PYTHON_SHA = (
    "import hashlib, sys\n"
    "for name in sys.argv[1:]:\n"
    "    with open(name, 'rb') as file: hashlib.file_digest(file, 'sha256')\n"
)
"""The same library that the toolkit hashes with."""


def main() -> None:
    """Prints the times and their ratio; ends with 1 where the bar is not met."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--size", choices=SHAPES, default="0.3B")
    options.add_argument("--rounds", type=int, default=5)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="toolkit-audit-") as name:
        checkpoint = build_checkpoint(SHAPES[asked.size], Path(name) / "source")
        folder = Path(name) / "hf"
        convert(checkpoint, folder, verify=False)
        files = [str(file) for file in sorted(folder.rglob("*")) if file.is_file()]
        toolkit = str(Path(sys.executable).with_name("toolkit"))
        audit, bare = _in_turns(
            [toolkit, "audit", str(folder), "--quiet"],
            [sys.executable, "-c", PYTHON_SHA, *files],
            rounds=asked.rounds,
        )
        size = sum(Path(file).stat().st_size for file in files)
    print(f"{asked.size}, {size / 1e9:.2f} GB in {len(files)} files")
    print(f"toolkit audit: {audit:.2f} s of processor time")
    print(f"sha256 of its files alone: {bare:.2f} s")
    print(f"ratio: {audit / bare:.2f} (bar {BAR})")
    sys.exit(audit / bare > BAR)


def _in_turns(*commands: Sequence[str], rounds: int) -> list[float]:
    """The median processor time of each command, all run one after another in each round."""
    taken: list[list[float]] = [[] for _ in commands]
    for _ in range(rounds):
        for times, command in zip(taken, commands, strict=True):
            times.append(measure(command).cpu_s)
    return [statistics.median(times) for times in taken]


if __name__ == "__main__":
    main()
