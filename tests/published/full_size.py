"""Converts and proves checkpoints of the sizes that were published: `make full-size`.

Every one is built by fairseq with random weights, copied and converted without proof, three times
in turns, and verified on one clip of twelve seconds, beside merely loading both models and running
each once on it. Takes half an hour, 12 GB of disk and of memory.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.convert import EXTRA_S, MAX_COPIES, run_warm
from benchmarks.measuring import Run, measure
from benchmarks.prove import median
from tests.published.full import FULL, OF_MMS
from toolkit.audio import golden_folder

NAMES = (
    *("wav2vec_small", "hubert_base_ls960", "xlsr_300m", "hubert_large_ll60k"),
    *("wav2vec_large_lv60k_960h", "xlsr_1b"),
    *OF_MMS,
)
"""Base, large and a billion parameters; without a word on the command line, all of them."""
ROUNDS = 3
MAX_RSS_BYTES = 300_000_000
CLIP = golden_folder() / "long.flac"


def main() -> None:
    """Prints a line for each; ends with 1 where one is not proven."""
    verdicts = [_examine(name) for name in sys.argv[1:] or NAMES]
    sys.exit(0 if set(verdicts) == {"match"} else 1)


def _examine(name: str) -> str:
    toolkit = (sys.executable, "-W", "ignore", "-m", "toolkit")
    with tempfile.TemporaryDirectory(prefix="toolkit-full-size-") as place:
        folder = Path(place)
        checkpoint = FULL[name].write(folder)
        copied, converted = _in_turns(toolkit, checkpoint, folder / "out")
        print(f"{name}: {checkpoint.stat().st_size / 1e9:.2f} GB, {_hold(copied, converted)}")
        hf, said = str(folder / "hf"), folder / "result.json"
        measure((*toolkit, "convert", str(checkpoint), hf, "--no-verify", "--quiet"))
        bare = (sys.executable, "-W", "ignore", "-m", "tests.published.bare", name)
        loaded = measure((*bare, str(checkpoint), hf, str(CLIP)))
        words = (*toolkit, "verify", str(checkpoint), hf, "--audio", str(CLIP), "--quiet")
        verified = measure((*words, "--json", str(said)), accepted=(0, 1))
        verdict = str(json.loads(said.read_text())["verdict"])
    times, work = verified.wall_s / loaded.wall_s, verified.cpu_s / loaded.cpu_s
    print(f"  bare {_tell(loaded)}, verify {_tell(verified)}: {verdict}")
    print(f"  {times:.1f} x bare, in processor time {work:.1f} x ({verified.cpu_s:.0f} s)")
    sys.stdout.flush()
    return verdict


def _in_turns(toolkit: Sequence[str], checkpoint: Path, out: Path) -> tuple[Run, Run]:
    """The median of copies, and that of conversions, with the checkpoint in the page cache."""
    copy = ("cp", str(checkpoint), str(out))
    convert = (*toolkit, "convert", str(checkpoint), str(out), "--no-verify", "--quiet")
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
