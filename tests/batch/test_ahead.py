"""Files are read before their jobs need them, and never stand for what they no longer hold."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from tests.batch.conftest import CONVERT, Write
from tests.batch.test_hashes import Memory, aged
from toolkit.batch.ahead import reading_ahead
from toolkit.batch.hashes import Hashes, read_now
from toolkit.batch.jobs import Job, read_jobs
from toolkit.core.errors import BadInput


@pytest.fixture
def jobs(write: Write) -> tuple[Job, ...]:
    (table,) = read_jobs(write(CONVERT))
    for job in table.jobs():
        aged(job.checkpoint)
    return table.jobs()


def test_jobs_keep_their_order_and_their_files_are_read_by_then(jobs: tuple[Job, ...]) -> None:
    memory = Memory()
    with reading_ahead(memory.known) as ahead:
        assert list(ahead.over(jobs)) == list(jobs)
        for job in jobs:
            name = str(job.checkpoint.resolve())
            expected = hashlib.sha256(job.checkpoint.read_bytes()).hexdigest()
            read = ahead.take(name)
            assert read is not None
            assert read.digest == expected
            assert ahead.is_ready(job)
            assert ahead.take(name) is None


def test_a_file_that_changed_since_it_was_read_ahead_is_read_again(jobs: tuple[Job, ...]) -> None:
    memory, file = Memory(), jobs[0].checkpoint
    with reading_ahead(memory.known) as ahead:
        list(ahead.over(jobs))
        while not ahead.is_ready(jobs[0]):
            pass
        file.write_bytes(b"another")
        found = Hashes(known=memory.known, keep=memory.keep, take=ahead.take).of_file(file)
    assert found == hashlib.sha256(b"another").hexdigest()


def test_what_is_known_is_not_read_and_what_is_gone_is_left_to_its_job(
    jobs: tuple[Job, ...],
) -> None:
    memory = Memory()
    memory.hashes.of_file(jobs[0].checkpoint)
    jobs[1].checkpoint.unlink()
    with reading_ahead(memory.known) as ahead:
        list(ahead.over(jobs))
        assert ahead.take(str(jobs[0].checkpoint.resolve())) is None
        assert ahead.is_ready(jobs[1])


def test_a_large_file_is_given_up_when_nobody_waits_for_it(tmp_path: Path) -> None:
    file = tmp_path / "endless.pt"
    with file.open("wb") as made:
        made.truncate(1 << 40)
    stopped = threading.Event()
    stopped.set()
    with pytest.raises(BadInput, match="must be read to its end"):
        read_now(str(file), stopped.is_set)
