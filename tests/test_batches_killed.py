"""No row of a batch is lost or half there: real processes, SIGKILL, a file that may not grow."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.batch.made import DONE, never
from tests.sampling import slow, wide
from toolkit.audio import golden_folder
from toolkit.batch import rows
from toolkit.batch.database import opened
from toolkit.batch.identity import Identity
from toolkit.batch.jobs import Job
from toolkit.batch.ledger import open_ledger
from toolkit.core.errors import BadInput
from toolkit.folder.digest import ABOUT_THE_REST
from toolkit.session.requests.verify import Verify

JOBS = """
[[job]]
do = "convert"
checkpoints = "models/*/model.pt"
out = "hf/{folder}"
verify = false
"""
CHECKPOINTS = 12
WRITER = "from pathlib import Path; from tests.test_batches_killed import fill; fill(Path({!r}))"


# What is there is whole


def expect_whole(results: Path) -> dict[str, str]:
    """When each job was done that is; all have their rows, and those that are not have none."""
    with opened(results) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        jobs = connection.execute("SELECT * FROM jobs").fetchall()
        for job in jobs:
            assert rows_of(connection, job["id"]) == rows_expected(job["result"])
            assert (job["state"] == "done") == (job["result"] is not None)
            assert (job["verdict"] is None) == (job["result"] is None)
        named = {row["job"] for row in connection.execute("SELECT job FROM places")}
        assert named == {job["id"] for job in jobs}
    return {job["address"]: job["finished_at"] for job in jobs if job["state"] == "done"}


def rows_of(connection: sqlite3.Connection, job: int) -> dict[str, int]:
    counted = "SELECT count(*) FROM {} WHERE job = ?"
    return {
        name: connection.execute(counted.format(name), (job,)).fetchone()[0] for name in rows.TABLES
    }


def rows_expected(result: str | None) -> dict[str, int]:
    said = json.loads(result or "{}")
    return {name: len(list(read(said))) for name, read in rows.TABLES.items()}


# The ledger alone: thousands of rows, as fast as they can be written


def fill(results: Path) -> None:
    """Enters jobs and says that they are done, each with a hundred rows, until it is ended."""
    with open_ledger(results) as ledger:
        for number in range(10**9):
            path = results / f"{number}.pt"
            job = Job(kind="verify", request=Verify(path, path), checkpoint=path)
            identity = Identity(
                job=job, depends={"it": number}, checkpoint_sha256="0", checkpoint_bytes=1
            )
            entry = ledger.enter(identity, never)
            if entry.state == "waiting" and ledger.claim(entry.id):
                ledger.finish(entry.id, DONE)


def writer(results: Path, *before: str) -> subprocess.Popen[str]:
    words = [*before, sys.executable, "-W", "ignore", "-c", WRITER.format(str(results))]
    return subprocess.Popen(words, stderr=subprocess.PIPE, text=True)


def wait_for_rows(results: Path, count: int) -> None:
    while True:
        time.sleep(0.01)
        try:
            with opened(results) as connection:
                (done,) = connection.execute("SELECT count(*) FROM jobs WHERE state = 'done'")
        except BadInput:  # it is not made yet
            continue
        if done[0] >= count:
            return


@pytest.mark.parametrize("kills", [wide(5), slow(100)])
def test_a_row_is_there_with_all_that_belongs_to_it_whenever_two_writers_are_killed(
    kills: int, tmp_path: Path
) -> None:
    draw, done = random.Random(1), dict[str, str]()
    for _ in range(kills):
        both = [writer(tmp_path / "r") for _ in range(2)]
        wait_for_rows(tmp_path / "r", len(done) + 1)
        time.sleep(draw.uniform(0, 0.1))
        for process in both:
            process.kill()
            process.communicate()
        left, done = done, expect_whole(tmp_path / "r")
        assert left.items() <= done.items()
    print(f"\n{kills} kills of two writers: {len(done)} jobs done, 0 lost, 0 half there")


@pytest.mark.wide
def test_a_disk_that_is_full_leaves_whole_rows_and_the_next_batch_goes_on(tmp_path: Path) -> None:
    limited = writer(tmp_path / "r", "bash", "-c", 'ulimit -f 1024; exec "$@"', "-")
    assert "BadInput" in limited.communicate()[1]
    done = expect_whole(tmp_path / "r")
    assert done
    further = writer(tmp_path / "r")
    wait_for_rows(tmp_path / "r", len(done) + 1)
    further.kill()
    further.communicate()
    assert done.items() < expect_whole(tmp_path / "r").items()


# Whole batches


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A dozen checkpoints that differ."""
    source = golden_folder() / "untrained" / "hubert_encoder"
    for number in range(CHECKPOINTS):
        folder = Path(shutil.copytree(source, tmp_path / "models" / f"m{number}"))
        (folder / "dict.txt").write_text(f"a {number}\n")
    (tmp_path / "hf").mkdir()
    (tmp_path / "jobs.toml").write_text(JOBS)
    return tmp_path


def batch(shelf: Path, *more: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-W", "ignore", "-m", "toolkit", "batch", "jobs.toml", "r", "--quiet"]
    return subprocess.Popen(
        [*words, "--workers", "1", *more],
        cwd=shelf,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def sizes(folder: Path) -> dict[str, int]:
    files = (each for each in folder.rglob("*") if each.is_file())
    return {
        str(file.relative_to(folder)): file.stat().st_size
        for file in files
        if file.name not in ABOUT_THE_REST
    }


def kill(both: Sequence[subprocess.Popen[str]], draw: random.Random) -> str:
    """Kills one or both of two batches, each with its processes or without; says which."""
    chosen = draw.sample(both, draw.choice((1, 2)))
    with_processes = draw.random() < 0.5
    for process in chosen:
        if with_processes:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    for process in both:  # one that lives does all that is left
        _, error = process.communicate()
        assert process in chosen or process.returncode == 0, error
    return f"{len(chosen)} of 2, {'with' if with_processes else 'without'} their processes"


def expect_folders(shelf: Path, whole: dict[str, int]) -> None:
    """What is said to be done lies there."""
    with opened(shelf / "r") as connection:
        targets = connection.execute("SELECT target FROM jobs WHERE state = 'done'").fetchall()
    assert all(sizes(Path(row["target"])) == whole for row in targets)


def is_begun(results: Path) -> bool:
    """Whether there is a database; one that is only being made says nothing yet."""
    try:
        with opened(results):
            return True
    except BadInput:
        return False


def empty(shelf: Path) -> None:
    shutil.rmtree(shelf / "r", ignore_errors=True)
    shutil.rmtree(shelf / "hf")
    (shelf / "hf").mkdir()


@pytest.mark.parametrize("kills", [wide(3), slow(100)])
def test_no_job_is_lost_or_done_twice_whenever_batches_are_killed(kills: int, shelf: Path) -> None:
    draw, how = random.Random(0), Counter[str]()
    began = time.perf_counter()
    assert batch(shelf).wait() == 0
    duration_s = time.perf_counter() - began
    whole = sizes(shelf / "hf" / "m0")
    while how.total() < kills:
        empty(shelf)
        done: dict[str, str] = {}
        while how.total() < kills and len(done) < CHECKPOINTS:
            both = [batch(shelf), batch(shelf)]
            time.sleep(draw.uniform(0, duration_s))
            how[kill(both, draw)] += 1
            if not done and not is_begun(shelf / "r"):
                continue
            left, done = done, expect_whole(shelf / "r")
            assert left.items() <= done.items()
            expect_folders(shelf, whole)
    last = batch(shelf)
    assert last.wait() == 0, last.communicate()[1]
    assert len(expect_whole(shelf / "r")) == CHECKPOINTS
    expect_folders(shelf, whole)
    assert sorted(os.listdir(shelf / "hf")) == sorted(f"m{n}" for n in range(CHECKPOINTS))
    print(f"\n{how.total()} kills ({dict(how)}): {CHECKPOINTS} jobs, 0 lost, 0 half there")
