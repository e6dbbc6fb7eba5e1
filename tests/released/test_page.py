"""The page about the old scripts says what the tests of this folder hold."""

from __future__ import annotations

from tests.released.encoder_cases import EXPECTED
from tests.released.encoder_scripts import SCRIPTS
from tests.released.page import PAGE, write_page


def test_the_page_is_what_the_tests_hold() -> None:
    assert PAGE.read_text(encoding="utf-8") == write_page(), "run `python -m tests.released`"


def test_every_row_is_another_run() -> None:
    names = [expected.case.name for expected in EXPECTED]
    assert len(set(names)) == len(names) >= 60


def test_of_every_script_some_folder_is_right_or_each_has_a_cause() -> None:
    for script in SCRIPTS:
        rows = [expected for expected in EXPECTED if expected.case.script == script]
        assert any(not row.gives_up for row in rows), script


def test_what_gives_up_has_no_cause() -> None:
    assert not [e for e in EXPECTED if e.gives_up and e.causes]
