"""Every job of a batch in one row, the worst first; and all tables as files for other programs."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from pathlib import Path

from toolkit.batch.asking import outcome_of, summary_of
from toolkit.batch.claims import interrupted
from toolkit.batch.database import opened
from toolkit.batch.parquet import expect_parquet, write_parquet
from toolkit.core.batches import JobRow, Overview, WorstLevel
from toolkit.session.keywords import keywords_of
from toolkit.session.requests.batch import BatchReport

_ROWS = """
WITH ranked AS (
    SELECT *,
        CASE verdict WHEN 'fail' THEN 0 WHEN 'deviation' THEN 1 WHEN 'unverified' THEN 2 ELSE 3 END
            AS grade,
        -- What is no number is beyond every tolerance, and so is what may not differ at all.
        CASE WHEN error IS NULL AND verdict = 'fail' THEN 9e999
             WHEN tolerance > 0 THEN error / tolerance
             WHEN error > 0 THEN 9e999
             ELSE 0 END AS excess
    FROM levels
), worst AS (
    SELECT *, row_number() OVER (PARTITION BY job ORDER BY grade, excess DESC, position) AS place
    FROM ranked
)
SELECT places.checkpoint, places.target, jobs.kind, jobs.task, jobs.seconds, jobs.peak_bytes,
    jobs.report, coalesce(jobs.because, jobs.headline) AS cause,
    coalesce(jobs.verdict, jobs.state) AS outcome, jobs.claim, checkpoints.family,
    worst.name AS level, worst.verdict, worst."where", worst.error, worst.tolerance
FROM places
JOIN jobs ON jobs.id = places.job
LEFT JOIN checkpoints ON checkpoints.sha256 = jobs.checkpoint_sha256
LEFT JOIN worst ON worst.job = jobs.id AND worst.place = 1
ORDER BY
    CASE coalesce(jobs.verdict, jobs.state) WHEN 'mismatch' THEN 0 WHEN 'died' THEN 1
        WHEN 'refused' THEN 2 WHEN 'running' THEN 3 WHEN 'waiting' THEN 4 WHEN 'unverified' THEN 5
        ELSE 6 END,
    worst.grade, worst.excess DESC, places.checkpoint, jobs.kind
"""


@keywords_of(BatchReport)
def report(request: BatchReport) -> Overview:
    """Every job that was asked for last, as one moment of the batch has them.

    Raises:
        BadInput: the folder is none of a batch, or the files for other programs cannot be written.
    """
    if request.parquet is not None:
        expect_parquet()
    with opened(request.results) as connection:
        connection.execute("BEGIN")
        if request.parquet is not None:
            write_parquet(connection, request.parquet)
        left = interrupted(connection, request.results)
        return Overview(
            summary=summary_of(connection, request.results),
            rows=tuple(_row(found, request.results, left) for found in connection.execute(_ROWS)),
        )


def _row(found: sqlite3.Row, results: Path, left: Collection[str]) -> JobRow:
    page = found["report"]
    return JobRow(
        checkpoint=found["checkpoint"],
        kind=found["kind"],
        outcome=outcome_of(found, left),
        family=found["family"],
        task=found["task"],
        target=found["target"],
        worst=_maybe_worst(found),
        cause=found["cause"],
        seconds=found["seconds"],
        peak_bytes=found["peak_bytes"],
        page=page if page is not None and (results / page).is_file() else None,
    )


def _maybe_worst(found: sqlite3.Row) -> WorstLevel | None:
    if found["level"] is None:
        return None
    return WorstLevel(
        name=found["level"],
        verdict=found["verdict"],
        where=found["where"],
        error=found["error"],
        tolerance=found["tolerance"],
    )
