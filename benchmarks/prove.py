"""What a proof and a diff take, against merely loading and running both models."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.measuring import Run, measure
from toolkit.audio import golden_folder

CLIPS = ("ru_2.flac", "it_1.flac")
"""A second each."""
MAX_TIMES_BARE = {"0.3B": 2.5}
MAX_ANONYMOUS_BYTES = {"0.3B": 2_000_000_000, "1B": 3_000_000_000}
"""Bars by the name of the shape; what has none is measured all the same."""


def prove(name: str, checkpoint: Path, folder: Path, rounds: int) -> dict[str, Any]:
    """Converts a checkpoint, then loads and runs both, verifies and diffs.

    Args:
        name: The shape's.
        checkpoint: The fairseq file.
        folder: Where to convert to.
        rounds: How often each; the medians count.
    """
    toolkit, hf = str(Path(sys.executable).with_name("toolkit")), folder / "hf"
    converted = [toolkit, "convert", str(checkpoint), str(hf), "--no-verify", "--quiet"]
    subprocess.run(converted, check=True)
    clips = [str(golden_folder() / clip) for clip in CLIPS]
    audio = [word for clip in clips for word in ("--audio", clip)]
    pair = [str(checkpoint), str(hf)]
    commands = {
        "bare": [sys.executable, "-W", "ignore", "-m", "benchmarks.bare", *pair, *clips],
        "verify": [toolkit, "verify", *pair, *audio, "--no-beam", "--quiet"],
        "diff": [toolkit, "diff", *pair, *audio, "--quiet"],
    }
    taken: dict[str, list[Run]] = {command: [] for command in commands}
    for _ in range(rounds):
        for command, words in commands.items():
            taken[command].append(measure(words))
    return {
        "medians": {command: asdict(median(runs)) for command, runs in taken.items()},
        "rounds": {command: [asdict(run) for run in runs] for command, runs in taken.items()},
        "bars": judge(name, {command: median(runs) for command, runs in taken.items()}),
    }


def judge(name: str, medians: dict[str, Run]) -> dict[str, dict[str, Any]]:
    """How the figures stand to the bars of a shape."""
    times = medians["verify"].wall_s / medians["bare"].wall_s
    anonymous = medians["verify"].peak_anonymous_bytes
    return {
        "verify_times_bare": against(times, MAX_TIMES_BARE.get(name)),
        "verify_anonymous_bytes": against(anonymous, MAX_ANONYMOUS_BYTES.get(name)),
        "diff_times_bare": against(medians["diff"].wall_s / medians["bare"].wall_s, None),
    }


def against(found: float, allowed: float | None, *, at_least: bool = False) -> dict[str, Any]:
    """What was found beside a bar; without one it is met by nothing and missed by nothing."""
    if allowed is None:
        return {"found": found, "allowed": None, "met": None}
    met = found >= allowed if at_least else found <= allowed
    return {"found": found, "allowed": allowed, "met": met}


def median(runs: Sequence[Run]) -> Run:
    """The median of every figure."""
    return Run(
        **{key: statistics.median(asdict(run)[key] for run in runs) for key in asdict(runs[0])}
    )
