"""What a batch takes, beside the work that its jobs are: `make bench-batch`.

Many tiny checkpoints of all families are converted, and proven on all clips of golden_audio:

* in a batch, in two processes: at most 1.1 times the work of all jobs, divided by two,
* by a command each, of which a sample is timed: the batch is to be five times as fast,
* on Ray, which is to take at most 1.25 times as long as the batch.

The work of a job is the processor time that it takes alone, in a process of one thread that did one
of each family before; one of each family is measured, and counted for all of it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.measuring import Run, measure
from toolkit.audio import golden_folder

WORKERS = 2
TOOLKIT = (sys.executable, "-W", "ignore", "-m", "toolkit")
JOBS = """
[[job]]
do = "convert"
checkpoints = "{pattern}"
out = "{out}/{{folder}}"
"""
BARS = {"work": 1.1, "single": 5.0, "ray": 1.25}
STEP = 1e-3
"""By so much of themselves the weights of one checkpoint and the next one of its family differ."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One run of a batch."""

    run: Run
    work_s: Mapping[str, float]
    """Processor time of each job, by the name of its checkpoint's folder."""


def main() -> None:
    """Prints every figure beside its bar."""
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="toolkit-batch-", dir=asked.folder) as name:
        place = Path(name)
        names = make_checkpoints(place / "models", asked.checkpoints)
        print(f"{len(names)} checkpoints, {WORKERS} processes", flush=True)
        here = _batch(place, "here", "*", WORKERS)
        own_s = _own_work(place, names)
        _tell_work(here, sum(own_s[_family(name)] for name in names))
        _tell_singles(place, names, here, asked.singles)
        if not asked.no_ray:
            there = _batch(place, "ray", "*", WORKERS, "--engine", "ray")
            ratio = there.run.wall_s / here.run.wall_s
            print(f"on Ray: {_said(there.run)}; {ratio:.2f} times as long (bar {BARS['ray']})")


def make_checkpoints(folder: Path, count: int) -> list[str]:
    """Tiny checkpoints, family by family in turn, no two of which hold the same weights.

    Returns:
        The names of their folders.
    """
    sources = sorted(path.parent for path in (golden_folder() / "untrained").glob("*/model.pt"))
    names = []
    for number in range(count):
        source = sources[number % len(sources)]
        names.append(f"{source.name}-{number}")
        made = Path(shutil.copytree(source, folder / names[-1])) / "model.pt"
        state = torch.load(made, weights_only=False)
        for tensor in state["model"].values():
            if isinstance(tensor, torch.Tensor) and tensor.is_floating_point():
                tensor.mul_(1 + STEP * (number // len(sources)))
        torch.save(state, made)
    return names


def _batch(place: Path, name: str, pattern: str, workers: int, *more: str) -> Batch:
    """Does the jobs of all checkpoints whose folders match."""
    (place / f"hf-{name}").mkdir()
    jobs = place / f"{name}.toml"
    jobs.write_text(JOBS.format(pattern=f"models/{pattern}/model.pt", out=f"hf-{name}"))
    results = place / f"results-{name}"
    words = ["batch", str(jobs), str(results), "--workers", str(workers), "--quiet", *more]
    run = measure([*TOOLKIT, *words])
    with sqlite3.connect(results / "results.sqlite") as connection:
        rows = connection.execute(
            "SELECT checkpoint, cpu_seconds FROM jobs WHERE verdict = 'match'"
        )
        return Batch(run=run, work_s={Path(path).parent.name: spent for path, spent in rows})


def _own_work(place: Path, names: Sequence[str]) -> dict[str, float]:
    """What a job of each family takes alone, in a process that has done one of each before."""
    count = len({_family(name) for name in names})
    chosen = [str(place / "models" / name / "model.pt") for name in names[:count]]
    words = [sys.executable, "-W", "ignore", "-m", "benchmarks.batch", "--alone", *chosen]
    said = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, cwd=Path.cwd())
    return dict(json.loads(said.stdout.splitlines()[-1]))


def do_alone(checkpoints: Sequence[Path]) -> dict[str, float]:
    """Seconds of processor time by family, each after a first one."""
    from toolkit.batch.kinds import kinds
    from toolkit.batch.outcome import Outcome
    from toolkit.batch.work import bound_threads, measured
    from toolkit.session.requests.convert import Convert

    bound_threads(1)
    spent: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="toolkit-alone-") as name:
        for turn in range(2):
            for checkpoint in checkpoints:
                family = _family(checkpoint.parent.name)
                asked = Convert(checkpoint, Path(name) / f"{family}-{turn}")

                def work(asked: Convert = asked) -> Outcome:
                    return Outcome(ending="done", result=kinds()["convert"].run(asked).to_dict())

                done = measured(work)
                assert done.verdict == "match", done.because
                spent[family] = done.cost.cpu_seconds
    return spent


def _tell_work(here: Batch, own_s: float) -> None:
    bound = own_s / WORKERS
    print(f"batch: {_said(here.run)}, {len(here.work_s)} match")
    print(f"its jobs said {sum(here.work_s.values()):.0f} s, alone they take {own_s:.0f} s")
    wall, spent = here.run.wall_s / bound, here.run.cpu_s / own_s
    print(
        f"wall over work / {WORKERS}: {wall:.2f}, processor time over work: {spent:.2f} "
        f"(bar {BARS['work']})"
    )


def _tell_singles(place: Path, names: Sequence[str], here: Batch, count: int) -> None:
    (place / "hf-single").mkdir()
    step = max(1, len(names) // count)
    runs = [_single(place, name) for name in names[::step][:count]]
    wall_s = statistics.mean(run.wall_s for run in runs) * len(names)
    spent_s = statistics.mean(run.cpu_s for run in runs) * len(names)
    print(
        f"{len(runs)} single commands stand for {len(names)}: {wall_s:.0f} s, {spent_s:.0f} s of "
        f"processor time; the batch is {wall_s / here.run.wall_s:.1f} times as fast "
        f"(bar {BARS['single']})"
    )


def _single(place: Path, name: str) -> Run:
    out = place / "hf-single" / name
    checkpoint = place / "models" / name / "model.pt"
    return measure([*TOOLKIT, "convert", str(checkpoint), str(out), "--quiet"])


def _family(name: str) -> str:
    return name.rpartition("-")[0]


def _said(run: Run) -> str:
    return f"{run.wall_s:.0f} s, {run.cpu_s:.0f} s of processor time"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoints", type=int, default=200)
    parser.add_argument("--singles", type=int, default=12, help="commands that are timed")
    parser.add_argument("--folder", help="where the checkpoints are made")
    parser.add_argument("--no-ray", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--alone"]:
        print(json.dumps(do_alone([Path(name) for name in sys.argv[2:]])))
    else:
        main()
