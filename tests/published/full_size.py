"""Converts and proves checkpoints of the sizes that were published: `make full-size`.

Every one is built by fairseq with random weights, copied and converted without proof, three times
in turns, and verified on one clip, of twelve seconds and then of thirty, beside merely loading both
models and running each once on it. Takes an hour, 12 GB of disk and of memory.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from benchmarks.convert import EXTRA_S, MAX_COPIES, run_warm
from benchmarks.growth import write_speech
from benchmarks.measuring import Run, measure
from benchmarks.prove import median
from tests.published.full import FULL, OF_MMS

NAMES = (
    *("wav2vec_small", "hubert_base_ls960", "xlsr_300m", "hubert_large_ll60k"),
    *("wav2vec_large_lv60k_960h", "xlsr_1b"),
    *OF_MMS,
)
"""Base, large and a billion parameters; without a word on the command line, all of them."""
PYTHON = (sys.executable, "-W", "ignore", "-m")
TOOLKIT = (*PYTHON, "toolkit")
ROUNDS = 3
MAX_RSS_BYTES = 300_000_000
SECONDS = (12, 30)
MAX_TIMES = 2.0
"""A proof against a bare load and one pass of both models."""


def main() -> None:
    """Prints a line for each; ends with 1 where one is not proven."""
    verdicts = [_examine(name) for name in sys.argv[1:] or NAMES]
    sys.exit(0 if set(verdicts) == {"match"} else 1)


def _examine(name: str) -> str:
    with tempfile.TemporaryDirectory(prefix="toolkit-full-size-") as place:
        folder = Path(place)
        checkpoint = FULL[name].write(folder)
        copied, converted = _in_turns(checkpoint, folder / "out")
        print(f"{name}: {checkpoint.stat().st_size / 1e9:.2f} GB, {_hold(copied, converted)}")
        measure(
            (*TOOLKIT, "convert", str(checkpoint), str(folder / "hf"), "--no-verify", "--quiet")
        )
        verdicts = {_prove(name, checkpoint, write_speech(folder, s)) for s in SECONDS}
    return "match" if verdicts == {"match"} else "mismatch"


def _prove(name: str, checkpoint: Path, clip: Path) -> str:
    """Verifies on one clip, beside what merely runs both models; prints a line of it."""
    pair = (str(checkpoint), str(checkpoint.parent / "hf"))
    said = clip.with_suffix(".json")
    bare = measure((*PYTHON, "tests.published.bare", name, *pair, str(clip)))
    words = (*TOOLKIT, "verify", *pair, "--audio", str(clip), "--quiet", "--json", str(said))
    verified = measure(words, accepted=(0, 1))
    verdict = str(json.loads(said.read_text())["verdict"])
    times, work = verified.wall_s / bare.wall_s, verified.cpu_s / bare.cpu_s
    met = "met" if work <= MAX_TIMES else "MISSED"
    print(
        f"  {clip.stem}: bare {_tell(bare)}, verify {_tell(verified)}: {times:.1f} x, in processor "
        f"time {work:.1f} x, bar {MAX_TIMES} x {met}: {verdict}",
        flush=True,
    )
    return verdict


def _in_turns(checkpoint: Path, out: Path) -> tuple[Run, Run]:
    """The median of copies, and that of conversions, with the checkpoint in the page cache."""
    copy = ("cp", str(checkpoint), str(out))
    convert = (*TOOLKIT, "convert", str(checkpoint), str(out), "--no-verify", "--quiet")
    turns = [
        (run_warm(checkpoint, copy, out), run_warm(checkpoint, convert, out)) for _ in range(ROUNDS)
    ]
    return median([run for run, _ in turns]), median([run for _, run in turns])


def _hold(copied: Run, converted: Run) -> str:
    """A conversion against its bars."""
    allowed_s = MAX_COPIES * copied.wall_s + EXTRA_S
    met = converted.wall_s <= allowed_s and converted.peak_rss_bytes <= MAX_RSS_BYTES
    return (
        f"cp {copied.wall_s:.1f} s ({copied.cpu_s:.1f} s of a processor), convert "
        f"{_tell(converted)} ({converted.cpu_s:.1f} s of a processor), bar {allowed_s:.1f} s and "
        f"{MAX_RSS_BYTES / 1e9:.2f} GB {'met' if met else 'MISSED'}"
    )


def _tell(run: Run) -> str:
    return f"{run.wall_s:.1f} s and {run.peak_rss_bytes / 1e9:.2f} GB"


if __name__ == "__main__":
    main()
