"""What the database of a batch says, for people."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from toolkit.batch.claims import interrupted
from toolkit.batch.database import opened
from toolkit.core.batches import Summary, Trouble
from toolkit.session.keywords import keywords_of
from toolkit.session.requests.batch import BatchStatus

ENDINGS = ("mismatch", "died", "refused")
"""Of jobs that did not come to a match, the worst first."""
INTERRUPTED = "interrupted"
"""What a job is that was begun by a batch that was killed; the next one does it."""
_ASKED = (
    "SELECT places.checkpoint, places.target, jobs.kind, jobs.checkpoint_bytes, jobs.seconds, "
    "jobs.because, jobs.headline, jobs.state, jobs.claim, "
    "coalesce(jobs.verdict, jobs.state) AS outcome "
    "FROM places JOIN jobs ON jobs.id = places.job ORDER BY places.checkpoint, places.asked"
)


@keywords_of(BatchStatus)
def summarize(request: BatchStatus) -> Summary:
    """What a batch came to, or how far it is.

    Raises:
        BadInput: the folder is none of a batch.
    """
    with opened(request.results) as connection:
        return summary_of(connection, request.results)


def summary_of(
    connection: sqlite3.Connection, results: Path, done_now: int | None = None
) -> Summary:
    """What all jobs came to that were asked for last.

    Args:
        connection: The database.
        results: Where it lies.
        done_now: How many jobs the run did that asks; None where none asks.
    """
    rows = connection.execute(_ASKED).fetchall()
    left = interrupted(connection, results)
    ended = [row for row in rows if row["state"] not in ("waiting", "running")]
    return Summary(
        results=str(results),
        jobs=len(rows),
        counts=Counter(outcome_of(row, left) for row in rows),
        bytes_done=sum(row["checkpoint_bytes"] for row in ended),
        bytes_total=sum(row["checkpoint_bytes"] for row in rows),
        seconds=sum(row["seconds"] or 0.0 for row in ended),
        troubles=tuple(_trouble(row) for name in ENDINGS for row in rows if row["outcome"] == name),
        done_now=done_now,
    )


def outcome_of(row: sqlite3.Row, left: Collection[str]) -> str:
    """How far a job is, or what it came to.

    Args:
        row: Its `outcome` and its `claim`.
        left: Claims of batches that live no more.
    """
    return INTERRUPTED if row["claim"] in left else str(row["outcome"])


def _trouble(row: sqlite3.Row) -> Trouble:
    return Trouble(
        kind=row["kind"],
        checkpoint=row["checkpoint"],
        outcome=row["outcome"],
        because=row["because"] or row["headline"] or "",
    )
