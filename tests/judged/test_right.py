"""Right folders are a match, without a finding, for verify and for diff."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.judged.judging import Judge, complaints_about_right
from tests.judged.right import RIGHT, Right
from tests.judged.sampling import sampled

FAST = ("as .bin",)


@pytest.mark.parametrize("case", sampled(RIGHT, FAST))
def test_a_right_folder_matches_without_a_finding(case: Right, judge: Judge, broken: Path) -> None:
    case.make(broken)
    assert not complaints_about_right(judge.judge(broken))


def test_every_right_folder_has_a_name_of_its_own() -> None:
    assert len({case.name for case in RIGHT}) == len(RIGHT)
