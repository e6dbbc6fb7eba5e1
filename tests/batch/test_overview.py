"""All jobs of a batch, the worst first, each with its worst level."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.batch.made import RESULT
from toolkit.batch.database import opened
from toolkit.batch.overview import report
from toolkit.core.batches import JobRow
from toolkit.core.errors import BadInput


def test_the_worst_is_first_with_its_worst_level(results: Path) -> None:
    first, second, third = report(results).rows
    assert [row.outcome for row in (first, second, third)] == ["mismatch", "refused", "match"]
    assert first.worst is not None
    # What is no number is worse than any number.
    assert (first.worst.name, first.worst.where, first.worst.error) == ("greedy", "other", None)
    assert (first.family, second.family, third.family) == ("hubert_encoder", None, "hubert_ctc")
    assert (second.cause, second.worst) == ("It is cut off.", None)


def test_a_match_has_the_level_that_comes_nearest(results: Path) -> None:
    worst = report(results).rows[-1].worst
    assert worst is not None
    judged = [level for level in RESULT["levels"].values() if level["verdict"] == worst.verdict]
    assert worst.error == max(judged, key=lambda level: level["worst"]["error"])["worst"]["error"]


def test_a_page_that_is_gone_is_none(results: Path) -> None:
    assert page_of(results).page is None
    (results / "reports" / "3.html").touch()
    assert page_of(results).page == "reports/3.html"


def page_of(results: Path) -> JobRow:
    return report(results).rows[0]


def test_what_is_none_of_a_batch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="must be a folder that `toolkit batch` wrote"):
        report(tmp_path)


def test_results_of_before_there_were_families_have_none(results: Path) -> None:
    with opened(results) as connection:
        connection.execute("DROP TABLE checkpoints")
        connection.execute("PRAGMA user_version = 1")
    assert [row.family for row in report(results).rows] == [None, None, None]
