"""How long a person waits at a terminal: `make bench-waiting`.

Prints the median time of `inspect` and `--help` from start to end, of every command to its first
sign of life, and of `verify` to its refusal where fairseq is not, in seconds. What Python takes to
start stands beside: machines differ.
"""

from __future__ import annotations

import os
import pty
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from toolkit.audio import golden_folder

TIMES = 7
TOOLKIT = (str(Path(sys.executable).with_name("toolkit")),)
GOLDEN = str(golden_folder() / "checkpoint" / "model.pt")
WITHOUT_FAIRSEQ = "import sys; sys.modules['fairseq'] = None; from toolkit.cli import main; main()"
"""The command, where no fairseq is found."""
REFUSED = 2


def main() -> None:
    """Prints a line for each."""
    bare = _median(partial(_to_end, [sys.executable, "-c", "pass"]))
    print(f"python -c pass: {bare:.2f} s")
    for words in (["--help"], ["inspect", GOLDEN]):
        print(f"toolkit {words[0]}: {_median(partial(_to_end, [*TOOLKIT, *words])):.2f} s")
    with tempfile.TemporaryDirectory(prefix="toolkit-waiting-") as place:
        (Path(place) / "hf").mkdir()
        alone = [sys.executable, "-c", WITHOUT_FAIRSEQ, "verify", GOLDEN, str(Path(place) / "hf")]
        refusal = _median(partial(_to_end, alone, REFUSED))
        print(f"toolkit verify, refused without fairseq: {refusal:.2f} s")
        for words in _commands(Path(place)):
            waited = _median(partial(_to_first_word, [*TOOLKIT, *words]))
            print(f"toolkit {words[0]}, first sign of life: {waited:.2f} s")


def _commands(place: Path) -> list[list[str]]:
    folder, new = str(place / "hf"), str(place / "new")
    return [
        ["inspect", GOLDEN],
        ["convert", GOLDEN, new],
        ["verify", GOLDEN, folder],
        ["record", GOLDEN, new],
        ["features", folder, GOLDEN, "--out", f"{new}.npy"],
        ["diff", GOLDEN, folder],
        ["faults"],
        ["report", GOLDEN, GOLDEN],
    ]


def _median(measure: Callable[[], float]) -> float:
    return statistics.median(measure() for _ in range(TIMES))


def _to_end(words: Sequence[str], code: int = 0) -> float:
    started = time.perf_counter()
    ended = subprocess.run(words, capture_output=True, check=False)
    assert ended.returncode == code, ended.stderr.decode()
    return time.perf_counter() - started


def _to_first_word(words: Sequence[str]) -> float:
    leader, follower = pty.openpty()
    started = time.perf_counter()
    process = subprocess.Popen(words, stdout=follower, stderr=follower)
    os.close(follower)
    os.read(leader, 1)
    waited = time.perf_counter() - started
    process.kill()
    process.wait()
    os.close(leader)
    return waited


if __name__ == "__main__":
    main()
