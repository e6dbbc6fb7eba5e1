"""A job that is cut is done when all its parts are, and comes to nothing where one does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest

from tests.batch.conftest import Write
from toolkit.audio import golden_folder
from toolkit.batch.cutting import Cutting
from toolkit.batch.database import opened
from toolkit.batch.outcome import Outcome
from toolkit.batch.parts import SHARDS, Judging, Measuring, Part, Planning
from toolkit.batch.running import batch
from toolkit.batch.work import PAGES, Task, do
from toolkit.pipeline.prepare import Inputs, prepare
from toolkit.pipeline.writing import write_converted
from toolkit.session.requests.verify import Verify

CLIPS = [str(golden_folder() / f"{name}.flac") for name in ("tiny", "quiet")]
VERIFY = """
[[job]]
do = "convert"
checkpoints = "models/hubert_ctc/model.pt"
out = "hf/{folder}"
verify = false

[[job]]
do = "verify"
checkpoints = "models/hubert_ctc/model.pt"
hf_dir = "hf/{folder}"
"""
VERIFY += f"audio = {CLIPS}\n"


@dataclass(kw_only=True)
class AtOnce:
    """Does what it is given in this process, the last first, but for parts whose process dies."""

    dies: Callable[[Task], bool] = lambda _: False
    capacity: int = 2
    waiting: list[Task] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def submit(self, task: Task) -> None:
        self.waiting.append(task)
        assert len(self.waiting) <= self.capacity

    def collect(self, _: float) -> Sequence[tuple[Task, Outcome]]:
        task = self.waiting.pop()
        self.seen.append(task.part)
        if self.dies(task):
            return [(task, Outcome(ending="died", because="memory is short"))]
        return [(task, do(task))]


def finish(engine: AtOnce, task: Task) -> Outcome:
    """The outcome of one job, the only one."""
    cutting = Cutting(engine, engine.said.append)
    cutting.submit(task)
    while not (ended := cutting.collect(0.1)):
        pass
    assert not engine.waiting
    ((found, outcome),) = ended
    assert found is task
    return outcome


@pytest.fixture
def task(shelf: Path) -> Task:
    checkpoint, folder = shelf / "models" / "hubert_ctc" / "model.pt", shelf / "hf" / "hubert_ctc"
    prepared = prepare(Inputs(checkpoint=checkpoint))
    folder.mkdir()
    write_converted(prepared, folder)
    (shelf / "r" / PAGES).mkdir(parents=True)
    request = Verify(checkpoint, folder, audio=[Path(clip) for clip in CLIPS])
    return Task(
        job=7,
        address="a",
        kind="verify",
        request=request,
        checkpoint_sha256=prepared.checkpoint.sha256(),
        checkpoint_bytes=1,
        results=shelf / "r",
        pages="all",
        clips_per_shard=1,
    )


def hf_dir(task: Task) -> Path:
    """The folder that is verified."""
    return cast(Verify, task.request).hf_dir


def test_parts_come_to_what_the_whole_comes_to(task: Task) -> None:
    engine, whole = AtOnce(), AtOnce()
    cut, one = finish(engine, task), finish(whole, replace(task, clips_per_shard=None))
    assert engine.seen == ["plan", "shard 2 of 2", "shard 1 of 2", "verdict"]
    counts = ("1 of 3", "2 of 3", "3 of 4", "4 of 4")
    assert engine.said == [f"{count} parts of those that are cut" for count in counts]
    assert (whole.seen, whole.said) == ([""], [])
    assert cut.result == {**(one.result or {}), "shards": 2}
    assert cut.report == one.report
    assert cut.cost.cpu_seconds > one.cost.cpu_seconds / 2
    assert os.listdir(task.results / SHARDS) == []


@pytest.mark.wide
def test_a_shard_that_dies_for_good_leaves_no_verdict_and_is_all_that_is_done_again(
    task: Task,
) -> None:
    def dies(part: Task) -> bool:
        return isinstance(part, Measuring) and part.number == 1

    broken, mended = AtOnce(dies=dies), AtOnce()
    outcome = finish(broken, task)
    assert (outcome.ending, outcome.verdict) == ("died", None)
    assert outcome.because == "shard 2 of 2: memory is short"
    assert "verdict" not in broken.seen
    again = finish(mended, task)
    assert again.result["shards"] == 2
    done = {*broken.seen, *mended.seen}
    assert done == {"plan", "verdict", *(f"shard {number} of 2" for number in (1, 2))}
    assert mended.seen.count("shard 1 of 2") + broken.seen.count("shard 1 of 2") == 1


@pytest.mark.wide
@pytest.mark.parametrize("kind", [Planning, Judging])
def test_what_is_known_of_all_clips_is_as_needed_as_a_shard(task: Task, kind: type[Part]) -> None:
    outcome = finish(AtOnce(dies=lambda part: isinstance(part, kind)), task)
    assert (outcome.ending, outcome.because) == ("died", "memory is short")
    assert not (task.results / SHARDS).exists() or os.listdir(task.results / SHARDS) == []


@pytest.mark.wide
def test_a_damaged_shard_is_no_verdict_and_is_measured_again(task: Task) -> None:
    def damages(part: Task) -> bool:
        if isinstance(part, Judging):
            part.shard_path(1).write_bytes(b"torn")
        return False

    outcome = finish(AtOnce(dies=damages), task)
    assert outcome.ending == "died"
    assert "1.pt` must be what a batch wrote" in outcome.because
    assert finish(AtOnce(), task).result["shards"] == 2


@pytest.mark.wide
def test_clips_that_one_process_may_have_are_one_task(task: Task) -> None:
    engine = AtOnce()
    outcome = finish(engine, replace(task, clips_per_shard=2))
    assert engine.seen == ["plan"]
    assert outcome.result["shards"] == 1
    assert not (task.results / SHARDS).exists()


@pytest.mark.wide
def test_an_input_that_cannot_be_used_is_refused_in_the_words_of_one_run(task: Task) -> None:
    (hf_dir(task) / "model.safetensors").unlink()
    cut = finish(AtOnce(), task)
    one = finish(AtOnce(), replace(task, clips_per_shard=None))
    assert (cut.ending, cut.because) == (one.ending, one.because)
    assert cut.ending == "refused"


@pytest.mark.wide
@pytest.mark.parametrize("other", [{"recording": Path("r")}, {"fairseq_python": Path("p")}])
def test_a_recording_is_heard_as_a_whole(task: Task, other: dict[str, Path]) -> None:
    engine = AtOnce()
    request = Verify(Path("model.pt"), hf_dir(task), **other)
    finish(engine, replace(task, request=request))
    assert engine.seen == [""]


BATCH = [sys.executable, "-W", "ignore", "-m", "toolkit", "batch"]


@pytest.mark.wide
@pytest.mark.parametrize("engine", ["processes", "ray"])
def test_a_batch_that_is_killed_goes_on_with_the_shards_that_are_left(
    shelf: Path, write: Write, engine: str
) -> None:
    jobs, results = write(VERIFY + "clips_per_shard = 1"), shelf / "r"
    process = subprocess.Popen([*BATCH, str(jobs), str(results), "--workers", "1"])
    while process.poll() is None and not list(results.glob(f"{SHARDS}/*/[0-9].pt")):
        time.sleep(0.01)
    process.kill()
    process.wait()
    (done,) = results.glob(f"{SHARDS}/*/[0-9].pt")
    before = done.stat().st_mtime_ns
    seen = []
    watching = threading.Event()

    def watch() -> None:
        while not watching.wait(0.01):
            with suppress(OSError):
                seen.append(done.stat().st_mtime_ns)

    threading.Thread(target=watch, daemon=True).start()
    summary = batch(jobs, results, engine=engine, workers=2)
    watching.set()
    assert summary.counts == {"match": 1, "unverified": 1}
    assert set(seen) == {before}
    with opened(results) as connection:
        (said,) = connection.execute("SELECT result FROM jobs WHERE kind = 'verify'").fetchone()
    assert json.loads(said)["shards"] == 2
