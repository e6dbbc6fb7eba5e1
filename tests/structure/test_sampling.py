"""Of tests that repeat themselves a part runs each time, and all of it somewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sampling import REPEATING, mark_repeats

TESTS = Path(__file__).parents[1]


class Case(pytest.Item):
    """A test that does nothing."""

    def runtest(self) -> None:
        """Nothing."""


@pytest.mark.parametrize("file", REPEATING)
def test_tests_that_repeat_themselves_are_there(file: str) -> None:
    text = (TESTS / file).read_text(encoding="utf-8")
    assert [name for name in REPEATING[file] if f"def {name}(" not in text] == []


def test_one_of_so_many_cases_runs_each_time_and_every_other_is_wide(
    request: pytest.FixtureRequest,
) -> None:
    cases = [
        Case.from_parent(request.session, name="x", nodeid=f"tests/a.py::test_b[{case}]")
        for case in range(7)
    ]
    mark_repeats(cases, {"a.py": {"test_b": 3}})
    assert [any(case.iter_markers("wide")) for case in cases] == [False, True, True] * 2 + [False]


def test_of_a_test_with_none_every_case_is_wide(request: pytest.FixtureRequest) -> None:
    case = Case.from_parent(request.session, name="x", nodeid="tests/a.py::test_b")
    mark_repeats([case], {"a.py": {"test_b": 0}})
    assert any(case.iter_markers("wide"))
