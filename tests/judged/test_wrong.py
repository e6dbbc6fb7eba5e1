"""Wrong folders are a mismatch or refused, by verify and by diff, with the cause named."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.judged.judging import Judge, complaints_about_wrong
from tests.judged.sampling import sampled
from tests.judged.wrong import WRONG, Wrong

FAST = ("ordinary row listed as special", "search as a stub")


@pytest.mark.parametrize("case", sampled(WRONG, FAST))
def test_a_wrong_folder_is_told_by_its_cause(case: Wrong, judge: Judge, broken: Path) -> None:
    case.make(broken)
    assert not complaints_about_wrong(case, judge.judge(broken))


def test_every_kind_of_issue_has_eight_wrong_folders() -> None:
    assert len({case.name for case in WRONG}) == len(WRONG) >= 100
    assert min(Counter(case.kind for case in WRONG).values()) >= 8


def test_a_folder_that_passes_is_complained_about(judge: Judge, converted: Path) -> None:
    right = judge.judge(converted)
    amiss = complaints_about_wrong(WRONG[0], right)
    assert amiss == ["diff: match", "verify: match"]
