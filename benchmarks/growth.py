"""How time and memory of a proof grow with the length of a clip, on the golden pair."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.measuring import Run, measure
from toolkit.audio import SAMPLE_RATE_HZ, golden_folder, read_clips

LENGTHS_S = (10, 20, 40, 80)
MAX_RSS_BYTES = 1_200_000_000
"""Bar of the longest clip."""


def grow(folder: Path) -> list[dict[str, Any]]:
    """Verifies the golden pair on one clip of each length, and loads and runs both on it.

    Args:
        folder: Where to convert to and to write the clips.
    """
    toolkit, hf = str(Path(sys.executable).with_name("toolkit")), folder / "golden"
    checkpoint = str(golden_folder() / "checkpoint" / "model.pt")
    converted = [toolkit, "convert", checkpoint, str(hf), "--no-verify", "--quiet"]
    subprocess.run(converted, check=True)
    return [_at_length(seconds, folder, toolkit, [checkpoint, str(hf)]) for seconds in LENGTHS_S]


def show(grown: list[dict[str, Any]]) -> None:
    """Prints a line for each length, and how the longest stands to its bar."""
    print("growth with the length of a clip, golden pair:")
    for at_length in grown:
        verify, bare = Run(**at_length["verify"]), Run(**at_length["bare"])
        print(
            f"  {at_length['seconds']:3} s: verify {verify.wall_s:.1f} s, "
            f"{verify.wall_s / bare.wall_s:.1f} x bare; "
            f"{verify.peak_rss_bytes / 1e9:.2f} GB resident, bare {bare.peak_rss_bytes / 1e9:.2f}"
        )
    found = grown[-1]["verify"]["peak_rss_bytes"]
    met = "met" if found <= MAX_RSS_BYTES else "missed"
    print(f"  {found / 1e9:.2f} GB against {MAX_RSS_BYTES / 1e9:.1f} GB: {met}")


def _at_length(seconds: int, folder: Path, toolkit: str, pair: list[str]) -> dict[str, Any]:
    clip = write_speech(folder, seconds)
    bare = [sys.executable, "-W", "ignore", "-m", "benchmarks.bare", *pair, str(clip)]
    verify = [toolkit, "verify", *pair, "--audio", str(clip), "--quiet"]
    return {
        "seconds": seconds,
        "bare": asdict(measure(bare)),
        "verify": asdict(measure(verify)),
    }


def write_speech(folder: Path, seconds: int) -> Path:
    """Writes a clip of so many seconds: the golden ones one after another, as often as it takes."""
    samples = np.concatenate([clip.waveform for clip in read_clips([golden_folder()])])
    clip = folder / f"{seconds}s.wav"
    soundfile.write(clip, np.resize(samples, seconds * SAMPLE_RATE_HZ), SAMPLE_RATE_HZ)
    return clip
