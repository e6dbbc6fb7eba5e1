"""What a batch claimed is said to run only while it lives."""

from __future__ import annotations

from pathlib import Path

from tests.batch.conftest import CONVERT, Write
from tests.batch.made import never
from tests.batch.test_hashes import Memory
from toolkit.batch.asking import summarize
from toolkit.batch.claims import held, inherited
from toolkit.batch.database import opened
from toolkit.batch.identity import identify
from toolkit.batch.jobs import read_jobs
from toolkit.batch.ledger import open_ledger
from toolkit.batch.overview import report


def test_a_job_runs_while_its_batch_lives_and_is_interrupted_afterwards(
    shelf: Path, write: Write
) -> None:
    (table,) = read_jobs(write(CONVERT))
    identity = identify(table.jobs()[1], Memory().hashes)
    with open_ledger(shelf / "r") as ledger:
        ledger.claim(ledger.enter(identity, never).id)
        assert summarize(shelf / "r").counts == {"running": 1}
        assert [row.outcome for row in report(shelf / "r").rows] == ["running"]
    with opened(shelf / "r") as connection:  # as one leaves it that is killed
        connection.execute("UPDATE jobs SET state = 'running', claim = 'of one that was killed'")
    for _ in range(2):  # who asks changes nothing
        assert summarize(shelf / "r").counts == {"interrupted": 1}
        assert [row.outcome for row in report(shelf / "r").rows] == ["interrupted"]
    with open_ledger(shelf / "r") as ledger:
        assert ledger.state(1) == "waiting"


def test_a_claim_has_one_heir_and_none_while_it_is_held(tmp_path: Path) -> None:
    with held(tmp_path) as claim, inherited(tmp_path, claim) as is_free:
        assert not is_free
    with inherited(tmp_path, claim) as is_free, inherited(tmp_path, claim) as is_free_twice:
        assert (is_free, is_free_twice) == (True, False)
