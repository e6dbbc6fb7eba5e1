"""What a batch has done and what it has not, in one database that several batches may share.

A job is done when the one transaction that says so is done: its row, its levels, findings, modules
and tokens. A batch holds a lock of its own while it lives; what one claimed that lives no more is
free again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import cast

from toolkit.batch import rows
from toolkit.batch.asking import summary_of
from toolkit.batch.claims import held, inherited
from toolkit.batch.database import opened, transaction, worded
from toolkit.batch.families import maybe_family
from toolkit.batch.hashes import Hashes, Mark, Taken, nothing
from toolkit.batch.identity import Identity, asked_in_words
from toolkit.batch.outcome import Outcome
from toolkit.core.batches import Summary


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What the ledger knows of a job."""

    id: int
    state: str


class Ledger:
    """The jobs of one folder of results, for the thread that opened it."""

    def __init__(self, connection: sqlite3.Connection, folder: Path, claim: str) -> None:
        """Writes to `connection`, under a claim that its batch holds the lock of."""
        self._connection = connection
        self._folder = folder
        self._claim = claim

    def enter(self, identity: Identity, is_stale: Callable[[str], bool]) -> Entry:
        """Makes a job known, if it is not, and says how far it is.

        Args:
            identity: The job.
            is_stale: Whether it waits once more that ended so: `done`, `refused` or `died`.
        """
        job = identity.job
        with transaction(self._connection):
            self._connection.execute(
                "INSERT INTO jobs (address, identity, kind, checkpoint, checkpoint_sha256, "
                "checkpoint_bytes, target, state) VALUES (?, ?, ?, ?, ?, ?, ?, 'waiting') "
                "ON CONFLICT (address) DO NOTHING",
                (
                    identity.address,
                    identity.text,
                    job.kind,
                    str(job.checkpoint),
                    identity.checkpoint_sha256,
                    identity.checkpoint_bytes,
                    _maybe_text(job.target),
                ),
            )
            found = self._connection.execute(
                "SELECT id, state FROM jobs WHERE address = ?", (identity.address,)
            ).fetchone()
            self._connection.execute(
                "INSERT INTO places VALUES (?, ?, ?, ?) "
                "ON CONFLICT (asked) DO UPDATE SET job = excluded.job",
                (asked_in_words(job), found["id"], str(job.checkpoint), _maybe_text(job.target)),
            )
            if is_stale(found["state"]):
                self._forget(found["id"])
                return Entry(id=found["id"], state="waiting")
        return Entry(**found)

    def family(self, identity: Identity) -> str | None:
        """Of which family a job's checkpoint is, looked for once; None where no family knows it."""
        digest = identity.checkpoint_sha256
        if digest is None:
            return None
        found = self._connection.execute(
            "SELECT family FROM checkpoints WHERE sha256 = ?", (digest,)
        ).fetchone()
        if found is not None:
            return cast("str | None", found["family"])
        family = maybe_family(identity.job.checkpoint)
        self._connection.execute(
            "INSERT OR IGNORE INTO checkpoints VALUES (?, ?)", (digest, family)
        )
        return family

    def claim(self, job: int) -> bool:
        """Whether a job that waits is this batch's now, and nobody else's."""
        done = self._connection.execute(
            "UPDATE jobs SET state = 'running', claim = ? WHERE id = ? AND state = 'waiting'",
            (self._claim, job),
        )
        return done.rowcount == 1

    def state(self, job: int) -> str:
        """How far a job is."""
        found = self._connection.execute("SELECT state FROM jobs WHERE id = ?", (job,)).fetchone()
        return str(found["state"])

    def finish(self, job: int, outcome: Outcome) -> None:
        """Keeps how a job of this batch ended, with all its rows, or nothing."""
        result = outcome.result or {}
        with transaction(self._connection):
            updated = self._connection.execute(
                "UPDATE jobs SET state = ?, claim = NULL, verdict = ?, because = ?, task = ?, "
                "headline = ?, seconds = ?, cpu_seconds = ?, peak_bytes = ?, finished_at = ?, "
                "report = ?, result = ? WHERE id = ? AND state = 'running' AND claim = ?",
                (
                    outcome.ending,
                    outcome.verdict,
                    outcome.because,
                    result.get("task"),
                    rows.headline(result),
                    outcome.cost.seconds,
                    outcome.cost.cpu_seconds,
                    outcome.cost.peak_bytes,
                    datetime.now(timezone.utc).isoformat(timespec="seconds"),
                    outcome.report,
                    None if outcome.result is None else json.dumps(outcome.result),
                    job,
                    self._claim,
                ),
            )
            if updated.rowcount != 1:  # who claimed it meanwhile keeps what comes of it
                return
            for table, read in rows.TABLES.items():
                made = [{"job": job, **row} for row in read(result)]
                if made:
                    self._connection.executemany(rows.insertion(table, made), made)

    def release(self) -> None:
        """Lets what this batch claimed and did not finish wait again."""
        self._let_wait(self._claim)

    def recover(self) -> None:
        """Lets what batches claimed that live no more wait again."""
        claims = self._connection.execute(
            "SELECT DISTINCT claim FROM jobs WHERE state = 'running' AND claim <> ?",
            (self._claim,),
        ).fetchall()
        for (claim,) in claims:
            with inherited(self._folder, claim) as is_ours:
                if is_ours:
                    self._let_wait(claim)

    def summary(self, results: Path, done_now: int) -> Summary:
        """What all jobs came to that were asked for last."""
        return summary_of(self._connection, results, done_now)

    def hashes(self, take: Taken = nothing) -> Hashes:
        """Hashes that this ledger remembers, for this thread.

        Args:
            take: What of a file was read already.
        """
        return Hashes(known=self.known, keep=self._keep, take=take)

    def known(self, path: str, mark: Mark) -> str | None:
        """The hash of a file that is like that; None where it was not computed."""
        found = self._connection.execute(
            "SELECT sha256 FROM files WHERE path = ? AND size = ? AND mtime_ns = ? AND inode = ?",
            (path, mark.size, mark.mtime_ns, mark.inode),
        ).fetchone()
        return None if found is None else str(found["sha256"])

    def _let_wait(self, claim: str) -> None:
        self._connection.execute(
            "UPDATE jobs SET state = 'waiting', claim = NULL WHERE state = 'running' AND claim = ?",
            (claim,),
        )

    def _forget(self, job: int) -> None:
        """Takes back how a job ended."""
        for table in rows.TABLES:
            self._connection.execute(f"DELETE FROM {table} WHERE job = ?", (job,))
        self._connection.execute(
            "UPDATE jobs SET state = 'waiting', claim = NULL, verdict = NULL, "
            "because = NULL, headline = NULL, finished_at = NULL, report = NULL, result = NULL "
            "WHERE id = ?",
            (job,),
        )

    def _keep(self, path: str, mark: Mark, digest: str) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)",
            (path, mark.size, mark.mtime_ns, mark.inode, digest),
        )


@contextmanager
def open_ledger(folder: Path) -> Iterator[Ledger]:
    """The ledger of a folder of results, which is made where there is none.

    What this batch has claimed and not finished waits again afterwards.

    Raises:
        BadInput: the folder holds something else, or the system cannot write it.
    """
    with opened(folder, make=True) as connection, held(folder) as claim, worded(folder):
        ledger = Ledger(connection, folder, claim)
        ledger.recover()
        try:
            yield ledger
        finally:
            with suppress(sqlite3.Error):  # a full disk; the lock that is given up says as much
                ledger.release()


def _maybe_text(path: Path | None) -> str | None:
    return None if path is None else str(path)
