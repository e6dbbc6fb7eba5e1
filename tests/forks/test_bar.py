"""Forks of several families are mapped and proven, or refused; never wrongly called a match."""

from pathlib import Path

import pytest

from tests.forks.bar import Case, chosen, try_fork

CASES = list(chosen(10))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.table)
def test_a_fork_is_mapped_and_proven(case: Case, tmp_path: Path) -> None:
    outcome = try_fork(case, tmp_path)
    assert not outcome.is_wrong
    assert outcome.is_right, outcome.said
