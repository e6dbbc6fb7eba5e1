"""Every job is claimed by one batch, and is done with all its rows or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.batch.conftest import CONVERT, Write
from tests.batch.made import DONE, RESULT, never
from tests.batch.test_hashes import Memory
from toolkit.batch.database import opened
from toolkit.batch.identity import Identity, identify
from toolkit.batch.jobs import read_jobs
from toolkit.batch.ledger import Ledger, open_ledger
from toolkit.batch.outcome import Outcome


@pytest.fixture
def identity(write: Write) -> Identity:
    (table,) = read_jobs(write(CONVERT))
    return identify(table.jobs()[1], Memory().hashes)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(tmp_path / "results") as ledger:
        yield ledger


def count(folder: Path, table: str) -> int:
    with opened(folder / "results") as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_a_job_is_entered_once(ledger: Ledger, identity: Identity, tmp_path: Path) -> None:
    first, second = ledger.enter(identity, never), ledger.enter(identity, never)
    assert first == second
    assert (first.state, count(tmp_path, "jobs")) == ("waiting", 1)


def test_a_job_that_is_done_has_all_its_rows(
    ledger: Ledger, identity: Identity, tmp_path: Path
) -> None:
    job = ledger.enter(identity, never).id
    assert ledger.claim(job)
    ledger.finish(job, DONE)
    assert count(tmp_path, "levels") == len(RESULT["levels"])
    assert count(tmp_path, "modules") == len(RESULT["modules"])
    assert count(tmp_path, "tokens") == len(RESULT["tokens"])
    assert ledger.enter(identity, never).state == "done"


def test_rows_that_cannot_be_written_leave_the_job_as_it_was(
    ledger: Ledger, identity: Identity, tmp_path: Path
) -> None:
    job = ledger.enter(identity, never).id
    ledger.claim(job)
    broken = {**RESULT, "tokens": {"clip": {**next(iter(RESULT["tokens"].values())), "equal": 9}}}
    broken["tokens"]["clip"]["reference_text"] = None
    with pytest.raises(Exception, match="NOT NULL"):
        ledger.finish(job, Outcome(ending="done", result=broken))
    assert (ledger.state(job), count(tmp_path, "levels")) == ("running", 0)


def test_two_batches_never_claim_one_job(
    ledger: Ledger, identity: Identity, tmp_path: Path
) -> None:
    with open_ledger(tmp_path / "results") as other:
        job = ledger.enter(identity, never).id
        assert other.enter(identity, never).id == job
        assert (ledger.claim(job), other.claim(job)) == (True, False)
        other.finish(job, DONE)  # what is not its own it leaves alone
        assert ledger.state(job) == "running"


def test_a_claim_lasts_as_long_as_its_batch(identity: Identity, tmp_path: Path) -> None:
    with open_ledger(tmp_path / "results") as living:
        job = living.enter(identity, never).id
        living.claim(job)
        with open_ledger(tmp_path / "results") as other:
            other.recover()
            assert other.state(job) == "running"
        with opened(tmp_path / "results") as connection:
            connection.execute("UPDATE jobs SET claim = 'of a batch that was killed'")
        with open_ledger(tmp_path / "results") as other:
            assert other.state(job) == "waiting"


def test_what_a_batch_leaves_unfinished_waits_again(identity: Identity, tmp_path: Path) -> None:
    with open_ledger(tmp_path / "results") as ledger:
        job = ledger.enter(identity, never).id
        ledger.claim(job)
    with open_ledger(tmp_path / "results") as ledger:
        assert ledger.state(job) == "waiting"


def test_what_is_to_be_done_again_is_forgotten(
    ledger: Ledger, identity: Identity, tmp_path: Path
) -> None:
    job = ledger.enter(identity, never).id
    ledger.claim(job)
    ledger.finish(job, DONE)
    assert ledger.enter(identity, lambda state: state == "done").state == "waiting"
    assert count(tmp_path, "modules") == 0
