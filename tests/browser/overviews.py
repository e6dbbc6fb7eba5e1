"""The overview of a batch as large as one likes, made by arithmetic alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from toolkit.core.batches import JobRow, Overview, Summary, WorstLevel

KINDS = ("convert", "verify", "diff")
FAMILIES = ("wav2vec2_ctc", "hubert_ctc", "xm_transformer")


def make_overview(results: Path, matching: int = 300, name: str = "") -> Overview:
    """A mismatch with a page, one that died, one refused, one waiting; all others match.

    Args:
        results: Where the batch lies.
        matching: How many match.
        name: Stands in every place where a name can stand, if it is not empty.
    """
    rows = (
        make_row("bad/model.pt", "mismatch", error=0.4, page="reports/7.html", name=name),
        make_row("bad/endless.pt", "mismatch", error=None, cause="`lm_head` has NaN", name=name),
        make_row("bad/hungry.pt", "died", cause="The process was ended 3 times.", name=name),
        make_row("bad/broken.pt", "refused", cause="`broken.pt` is cut off.", name=name),
        make_row("late/model.pt", "waiting", name=name),
        *(
            make_row(f"model_{number}/model.pt", "match", error=1e-7 * number, number=number)
            for number in range(matching)
        ),
    )
    summary = Summary(
        results=str(results),
        jobs=len(rows),
        counts=Counter(row.outcome for row in rows),
        bytes_done=123_000_000_000,
        bytes_total=124_000_000_000,
        seconds=12_345.6,
        troubles=(),
    )
    return Overview(summary=summary, rows=rows)


def make_row(
    path: str,
    outcome: str,
    *,
    error: float | None = None,
    cause: str | None = None,
    page: str | None = None,
    number: int = 0,
    name: str = "",
) -> JobRow:
    judged = outcome in ("match", "mismatch")
    level = WorstLevel(
        name=name or "logits",
        verdict="pass" if outcome == "match" else "fail",
        where=name or "clip_1",
        error=error,
        tolerance=1e-3,
    )
    return JobRow(
        checkpoint=f"/models/{name}{path}",
        kind=name or KINDS[number % 3],
        outcome=outcome,
        family=(name or FAMILIES[number % 3]) if judged else None,
        task=(name or "ctc") if judged else None,
        target=None,
        worst=level if judged else None,
        cause=name or cause,
        seconds=number + 0.5 if judged else None,
        peak_bytes=700_000_000 + number if judged else None,
        page=page,
    )
