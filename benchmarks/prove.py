"""What a proof and a diff take, against merely loading and running both models."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.growth import write_speech
from benchmarks.measuring import Run, measure
from toolkit.audio import golden_folder

CLIPS = ("ru_2.flac", "it_1.flac")
"""A second each."""
LENGTHS_S = (10, 30)
"""One clip each, as corpora have them."""
MAX_TIMES_BARE = {"0.3B": 2.5}
MAX_TIMES_BARE_LONG = {"0.3B": 1.8, "1B": 2.0}
MAX_ANONYMOUS_BYTES = {"0.3B": 3_000_000_000, "1B": 3_000_000_000}
MAX_RSS_BYTES = {"0.3B": 6_000_000_000}
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
    pair = [str(checkpoint), str(hf)]
    short = [str(golden_folder() / clip) for clip in CLIPS]
    commands = {
        **_commands(toolkit, pair, short),
        "diff": [toolkit, "diff", *pair, *_named(short), "--quiet"],
    }
    for seconds in LENGTHS_S:
        clip = [str(write_speech(folder, seconds))]
        commands |= {f"{k}_{seconds}s": v for k, v in _commands(toolkit, pair, clip).items()}
    taken: dict[str, list[Run]] = {command: [] for command in commands}
    for _ in range(rounds):
        for command, words in commands.items():
            taken[command].append(measure(words))
    return {
        "medians": {command: asdict(median(runs)) for command, runs in taken.items()},
        "rounds": {command: [asdict(run) for run in runs] for command, runs in taken.items()},
        "bars": judge(name, {command: median(runs) for command, runs in taken.items()}),
    }


def _commands(toolkit: str, pair: Sequence[str], clips: Sequence[str]) -> dict[str, list[str]]:
    """A bare load and one pass of both models over some clips, and a proof on them."""
    return {
        "bare": [sys.executable, "-W", "ignore", "-m", "benchmarks.bare", *pair, *clips],
        "verify": [toolkit, "verify", *pair, *_named(clips), "--no-beam", "--quiet"],
    }


def _named(clips: Sequence[str]) -> list[str]:
    return [word for clip in clips for word in ("--audio", clip)]


def judge(name: str, medians: dict[str, Run]) -> dict[str, dict[str, Any]]:
    """How the figures stand to the bars of a shape."""
    bars = {
        "verify_times_bare": against(_times_bare(medians, "verify"), MAX_TIMES_BARE.get(name)),
        "diff_times_bare": against(_times_bare(medians, "diff"), None),
    }
    for seconds in LENGTHS_S:
        command = f"verify_{seconds}s"
        times, run = _times_bare(medians, command, f"bare_{seconds}s"), medians[command]
        bars |= {
            f"{command}_times_bare": against(times, MAX_TIMES_BARE_LONG.get(name)),
            f"{command}_anonymous_bytes": against(
                run.peak_anonymous_bytes, MAX_ANONYMOUS_BYTES.get(name)
            ),
            f"{command}_rss_bytes": against(run.peak_rss_bytes, MAX_RSS_BYTES.get(name)),
        }
    return bars


def _times_bare(medians: dict[str, Run], command: str, bare: str = "bare") -> float:
    return medians[command].wall_s / medians[bare].wall_s


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
