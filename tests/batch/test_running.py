"""A batch does each job once, whatever becomes of it."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.batch.conftest import CONVERT, Write
from tests.sampling import wide
from toolkit.batch.database import NAME, opened
from toolkit.batch.running import batch
from toolkit.core.errors import BadInput

BATCH = [sys.executable, "-W", "ignore", "-m", "toolkit", "batch"]


def test_each_job_is_done_once_and_a_broken_checkpoint_stops_none(
    shelf: Path, write: Write
) -> None:
    said: list[tuple[str, int, int, str]] = []
    jobs = write(CONVERT)
    first = batch(jobs, shelf / "r", workers=2, progress=lambda *now: said.append(now))
    assert first.counts == {"unverified": 2, "refused": 1}
    (trouble,) = first.troubles
    assert (trouble.outcome, Path(trouble.checkpoint).parent.name) == ("refused", "broken")
    assert "cut off" in trouble.because
    assert said[-1][:1] == ("3 of 3 jobs, 1 wrong",)
    assert said[-1][1] == said[-1][2] == first.bytes_total
    assert sorted(os.listdir(shelf / "hf")) == ["hubert_ctc", "hubert_encoder"]
    again = batch(jobs, shelf / "r")
    assert (again.done_now, again.counts) == (0, first.counts)


@pytest.mark.wide
def test_what_was_refused_or_is_gone_is_done_once_more(shelf: Path, write: Write) -> None:
    jobs = write(CONVERT)
    batch(jobs, shelf / "r", workers=1)
    shutil.rmtree(shelf / "hf" / "hubert_ctc")
    assert batch(jobs, shelf / "r", workers=1, again=True).done_now == 2
    assert (shelf / "hf" / "hubert_ctc").is_dir()


@pytest.mark.wide
def test_a_folder_that_a_killed_batch_wrote_is_taken_as_it_is(shelf: Path, write: Write) -> None:
    jobs = write(CONVERT)
    batch(jobs, shelf / "r", workers=1)
    before = (shelf / "hf" / "hubert_ctc").stat().st_ino
    shutil.rmtree(shelf / "r")
    assert batch(jobs, shelf / "r", workers=1).counts == {"unverified": 2, "refused": 1}
    assert (shelf / "hf" / "hubert_ctc").stat().st_ino == before
    assert sorted(os.listdir(shelf / "hf")) == ["hubert_ctc", "hubert_encoder"]


@pytest.mark.wide
def test_a_folder_that_holds_anything_else_is_left_alone(shelf: Path, write: Write) -> None:
    (shelf / "hf" / "hubert_ctc").mkdir()
    (shelf / "hf" / "hubert_ctc" / "thesis.txt").write_text("mine")
    summary = batch(write(CONVERT), shelf / "r", workers=1)
    assert "must not exist yet" in summary.troubles[1].because
    assert os.listdir(shelf / "hf" / "hubert_ctc") == ["thesis.txt"]


def test_a_job_that_takes_too_long_is_given_up(shelf: Path, write: Write) -> None:
    text = CONVERT.replace("models/*", "models/hubert_ctc").replace("false", "true")
    summary = batch(write(text), shelf / "r", workers=1, time_limit=1)
    assert summary.counts == {"died": 1}
    assert "must end within 1 s" in summary.troubles[0].because


def test_results_that_cannot_be_written_are_refused(shelf: Path, write: Write) -> None:
    with pytest.raises(BadInput, match="must be a folder that can be made"):
        batch(write(CONVERT), shelf / "no" / "r")


@pytest.mark.wide
def test_two_batches_share_the_jobs(shelf: Path, write: Write) -> None:
    command = [*BATCH, str(write(CONVERT)), str(shelf / "r"), "--workers", "1", "--quiet"]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [2, 2], errors
    with opened(shelf / "r") as connection:
        states = connection.execute("SELECT state, count(*) FROM jobs GROUP BY state").fetchall()
    assert dict(map(tuple, states)) == {"done": 2, "refused": 1}


@pytest.mark.parametrize("moment_s", [2, wide(0.4), wide(0.8), wide(1.2), wide(1.6)])
def test_an_interrupt_says_what_is_done_and_how_to_go_on(
    shelf: Path, write: Write, moment_s: float
) -> None:
    text = CONVERT.replace("false", "true")
    process = subprocess.Popen(
        [*BATCH, str(write(text)), str(shelf / "r"), "--workers", "1"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while process.poll() is None and not (shelf / "r" / "reports").exists():
        time.sleep(0.05)
    time.sleep(moment_s)
    os.killpg(process.pid, signal.SIGINT)
    error = process.communicate()[1]
    assert process.returncode == 130, error
    assert "the same command continues" in error
    assert "Traceback" not in error
    with opened(shelf / "r") as connection:
        (running,) = connection.execute("SELECT count(*) FROM jobs WHERE state = 'running'")
    assert tuple(running) == (0,)
    assert (shelf / "r" / NAME).is_file()


class _Killer(threading.Thread):
    """Kills processes of the pool that this process has, as a system short of memory does."""

    def __init__(self, times: int, after_s: float) -> None:
        super().__init__(daemon=True)
        self.left, self.after_s, self.ended = times, after_s, threading.Event()

    def run(self) -> None:
        """Kills each so many seconds after it has begun."""
        killed: set[int | None] = set()
        while self.left and not self.ended.wait(0.05):
            for process in multiprocessing.active_children():
                if process.pid not in killed and self.left:
                    time.sleep(self.after_s)
                    process.kill()
                    killed.add(process.pid)
                    self.left -= 1


@pytest.fixture
def killing() -> Iterator[Callable[[int, float], None]]:
    """Begins to kill."""
    killers: list[_Killer] = []

    def start(times: int, after_s: float) -> None:
        killers.append(_Killer(times, after_s))
        killers[-1].start()

    yield start
    for killer in killers:
        killer.ended.set()
        killer.join()


@pytest.mark.wide
@pytest.mark.parametrize("after_s", [0.0, 0.5, 3.0])
def test_jobs_whose_process_is_killed_are_done_all_the_same(shelf, write, killing, after_s):
    """Before it took a task, while it imports for it, or later."""
    killing(2, after_s)
    summary = batch(write(CONVERT), shelf / "r", workers=1)
    assert summary.counts == {"unverified": 2, "refused": 1}


@pytest.mark.wide
@pytest.mark.parametrize("after_s", [0.0, 1.0])
def test_a_job_whose_process_is_killed_each_time_says_so_and_nothing_is_lost(
    shelf, write, killing, after_s
):
    killing(1000, after_s)
    # A proof imports for longer than a process lives here.
    proof = CONVERT.replace("*", "hubert_ctc").replace("verify = false", "verify = true")
    assert proof.count("verify = true") == 1
    summary = batch(write(proof), shelf / "r", workers=1)
    assert summary.counts == {"died": 1}
    assert "the system ended it 3 times" in summary.troubles[0].because
    assert not list((shelf / "hf").glob("hubert_ctc"))
