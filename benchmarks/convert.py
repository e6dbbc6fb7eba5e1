"""Converts and proves big random checkpoints, and holds time and memory against yardsticks.

`cp` and the usual algorithm for conversions, a bare load and run for proofs. Prints ratios and
writes `reports/bench.json` and `reports/bench.html`: `make bench`. Everything happens in one run on
one machine; each round runs the commands one after another on a file that the page cache holds, and
the medians count.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks import growth
from benchmarks.checkpoints import SHAPES, Shape, build_checkpoint
from benchmarks.measuring import Run, measure
from benchmarks.plot import plot
from benchmarks.prove import against, median, prove
from toolkit.pipeline.prepare import Inputs, prepare

USUAL = ("0.1B", "0.3B", "1B")
"""A checkpoint of 2B takes half an hour more, and 45 GB of disk; `--sizes 2B --no-seed` runs it."""
REPORT = Path("reports/bench.json")
PAGE = REPORT.with_suffix(".html")
MAX_COPIES, EXTRA_S = 1.5, 1.5
MAX_RSS_BYTES = 450_000_000
MIN_SPEEDUP, MAX_MEMORY_SHARE = 10, 1 / 15
SMALL_VOCABULARY = 10_000
FREE_FACTOR = 4
"""A checkpoint, its copy and two outputs lie on the disk at once."""
PARAMETER_BYTES = 4


def main() -> None:
    """Builds, runs, prints and writes."""
    options = parse()
    results, grown = [], []
    with tempfile.TemporaryDirectory(prefix="toolkit-bench-", dir=options.folder) as name:
        for shape in chosen(options):
            check_room(shape, Path(name))
            checkpoint = build_checkpoint(shape, Path(name) / shape.name)
            result = compare(shape, checkpoint, Path(name), options)
            if options.proof_rounds:
                proof = prove(shape.name, checkpoint, Path(name), options.proof_rounds)
                result = {key: merge(value, proof.get(key)) for key, value in result.items()}
                shutil.rmtree(Path(name) / "hf")
            results.append(result)
            show(result)
            shutil.rmtree(checkpoint.parent)
        if not options.no_growth:
            grown = growth.grow(Path(name))
            growth.show(grown)
    show_growth(results)
    REPORT.parent.mkdir(exist_ok=True)
    load = os.getloadavg()
    document = {"cores": os.cpu_count(), "load_average": load, "results": results, "growth": grown}
    REPORT.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    plot(results, grown, PAGE)
    print(f"written to {REPORT} and {PAGE}")


def parse() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="*", choices=SHAPES, default=USUAL)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--proof-rounds", type=int, default=3, help="0 leaves proofs out.")
    parser.add_argument("--no-seed", action="store_true", help="Leave out the usual algorithm.")
    parser.add_argument("--no-growth", action="store_true", help="Leave out long clips.")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    return parser.parse_args()


def merge(value: Any, more: Any) -> Any:
    """The entries of both, where there is more."""
    return {**value, **more} if more else value


def chosen(options: argparse.Namespace) -> Iterator[Shape]:
    """The shapes to run; the 0.3B one with a small vocabulary as well."""
    for name in options.sizes:
        yield SHAPES[name]
        if name == "0.3B":
            yield replace(SHAPES[name], name="0.3B, 10k rows", vocabulary=SMALL_VOCABULARY)


def check_room(shape: Shape, folder: Path) -> None:
    """Refuses to fill the disk."""
    per_layer = 4 * shape.width**2 + 2 * shape.width * shape.inner
    per_decoder_layer = 16 * shape.decoder_width**2
    parameters = (
        shape.layers * per_layer
        + shape.decoder_layers * per_decoder_layer
        + shape.vocabulary * shape.decoder_width
        + 50_000_000
    )
    needed = FREE_FACTOR * PARAMETER_BYTES * parameters
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise SystemExit(
            f"`{folder}` must have {needed / 1e9:.0f} GB of room for {shape.name}, but has "
            f"{free / 1e9:.0f}. Name another with `--folder`."
        )


def compare(
    shape: Shape, checkpoint: Path, folder: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """All commands on one checkpoint."""
    toolkit = Path(sys.executable).with_name("toolkit")
    plan, out = folder / "plan.json", folder / "out"
    describe(checkpoint, plan)
    seed = [sys.executable, "-W", "ignore", "-m", "benchmarks.seed_algorithm"]
    commands = {
        "cp": ["cp", str(checkpoint), str(out)],
        "convert": [str(toolkit), "convert", str(checkpoint), str(out), "--no-verify", "--quiet"],
        "seed": [*seed, str(checkpoint), str(plan), str(out)],
    }
    rounds: dict[str, list[Run]] = {name: [] for name in commands}
    for number in range(options.rounds):
        for name, command in commands.items():
            # The usual algorithm takes so long that one round says enough.
            if name != "seed" or (number == 0 and not options.no_seed):
                rounds[name].append(run_warm(checkpoint, command, out))
    medians = {name: median(runs) for name, runs in rounds.items() if runs}
    return {
        "name": shape.name,
        "bytes": checkpoint.stat().st_size,
        "vocabulary": shape.vocabulary,
        "medians": {name: asdict(run) for name, run in medians.items()},
        "rounds": {name: [asdict(run) for run in runs] for name, runs in rounds.items()},
        "bars": judge(medians),
    }


def describe(checkpoint: Path, plan: Path) -> None:
    """Writes what the usual algorithm needs to know."""
    prepared = prepare(Inputs(checkpoint=checkpoint))
    names = {a.target: a.source for a in prepared.plan.assignments.values()}
    described = {"config": prepared.task.contents.config, "names": names}
    plan.write_text(json.dumps(described), encoding="utf-8")


def run_warm(checkpoint: Path, command: Sequence[str], out: Path) -> Run:
    """One run, with the checkpoint in the page cache and nothing left to be written back."""
    subprocess.run(["sync"], check=True)
    with checkpoint.open("rb") as file:
        while file.read(1 << 24):
            pass
    try:
        return measure(command)
    finally:
        if out.is_dir():
            shutil.rmtree(out)
        else:
            out.unlink(missing_ok=True)


def judge(medians: dict[str, Run]) -> dict[str, dict[str, Any]]:
    """The bars that these figures meet or miss."""
    ours, copy, seed = medians["convert"], medians["cp"], medians.get("seed")
    allowed_s = MAX_COPIES * copy.wall_s + EXTRA_S
    bars = {
        "wall_s": against(ours.wall_s, allowed_s),
        "peak_rss_bytes": against(ours.peak_rss_bytes, MAX_RSS_BYTES),
    }
    if seed is not None:
        speedup = seed.wall_s / ours.wall_s
        share = ours.peak_rss_bytes / seed.peak_rss_bytes
        bars["times_faster_than_seed"] = against(speedup, MIN_SPEEDUP, at_least=True)
        bars["memory_share_of_seed"] = against(share, MAX_MEMORY_SHARE)
    return bars


def show(result: dict[str, Any]) -> None:
    """Prints the figures of one checkpoint."""
    print(f"{result['name']}: {result['bytes'] / 1e9:.2f} GB, {result['vocabulary']} rows")
    for name, run in result["medians"].items():
        print(
            f"  {name:10} {run['wall_s']:7.2f} s wall {run['cpu_s']:7.2f} s cpu "
            f"{run['peak_rss_bytes'] / 1e6:8.0f} MB rss "
            f"{run['peak_anonymous_bytes'] / 1e6:8.0f} MB anonymous"
        )
    for name, found in result["bars"].items():
        print(f"  {name}: {found['found']:.4g}{words(found)}", flush=True)


def words(found: dict[str, Any]) -> str:
    """How a figure stands to its bar, to follow the figure."""
    if found["allowed"] is None:
        return ""
    return f" (bar {found['allowed']:.4g}) {'met' if found['met'] else 'MISSED'}"


def show_growth(results: Sequence[dict[str, Any]]) -> None:
    """Prints how time and memory grow with the size of the file."""
    for result in results[1:]:
        first = results[0]
        times, memory = (
            result["medians"]["convert"][key] / first["medians"]["convert"][key]
            for key in ("wall_s", "peak_rss_bytes")
        )
        size = result["bytes"] / first["bytes"]
        print(
            f"{result['name']} against {first['name']}: {size:.1f} x the bytes, "
            f"{times:.1f} x the time, {memory:.2f} x the memory"
        )


if __name__ == "__main__":
    main()
