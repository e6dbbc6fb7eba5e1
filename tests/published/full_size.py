"""Converts and proves checkpoints of the sizes that were published: `make full-size`.

Every settings' file is built by fairseq with random weights, copied, converted without proof, and
verified on one clip of ten seconds, beside merely loading both models and running each once on it.
Takes some ten minutes, 12 GB of disk and of memory.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from benchmarks.measuring import Run, measure
from tests.published.building import build_full
from tests.published.settings import PUBLISHED
from toolkit.audio import golden_folder

NAMES = ("wav2vec_small", "hubert_base_ls960", "xlsr_300m", "hubert_large_ll60k", "xlsr_1b")
"""Base, large and a billion parameters; without a word on the command line, all of them."""
CLIP = golden_folder() / "long.flac"


def main() -> None:
    """Prints a line for each; ends with 1 where one is not proven."""
    verdicts = [_examine(name) for name in sys.argv[1:] or NAMES]
    sys.exit(0 if set(verdicts) == {"match"} else 1)


def _examine(name: str) -> str:
    (published,) = (one for one in PUBLISHED if one.name == name)
    toolkit = (sys.executable, "-W", "ignore", "-m", "toolkit")
    with tempfile.TemporaryDirectory(prefix="toolkit-full-size-") as place:
        folder = Path(place)
        checkpoint = build_full(published, folder)
        copied = measure(("cp", str(checkpoint), str(folder / "copy.pt")))
        (folder / "copy.pt").unlink()
        hf, said = str(folder / "hf"), folder / "result.json"
        converted = measure((*toolkit, "convert", str(checkpoint), hf, "--no-verify", "--quiet"))
        bare = (sys.executable, "-W", "ignore", "-m", "tests.published.bare", name)
        loaded = measure((*bare, str(checkpoint), hf, str(CLIP)))
        words = (*toolkit, "verify", str(checkpoint), hf, "--audio", str(CLIP), "--quiet")
        verified = measure((*words, "--json", str(said)), accepted=(0, 1))
        verdict = str(json.loads(said.read_text())["verdict"])
        size = checkpoint.stat().st_size / 1e9
    print(
        f"{name}: {size:.2f} GB, cp {copied.wall_s:.1f} s, convert {_tell(converted)}, "
        f"bare {_tell(loaded)}, verify {_tell(verified)}, "
        f"{verified.wall_s / loaded.wall_s:.1f} x bare: {verdict}",
        flush=True,
    )
    return verdict


def _tell(run: Run) -> str:
    return f"{run.wall_s:.1f} s and {run.peak_rss_bytes / 1e9:.2f} GB"


if __name__ == "__main__":
    main()
