"""The page about the old scripts says what the tests of this folder hold."""

from __future__ import annotations

from tests.released.encoder_cases import EXPECTED
from tests.released.encoder_scripts import SCRIPTS
from tests.released.page import PAGE, write_page
from tests.released.sequence_cases import OF_SEQUENCES
from tests.released.sequence_scripts import SCRIPTS as SEQUENCE_SCRIPTS


def test_the_page_is_what_the_tests_hold() -> None:
    assert PAGE.read_text(encoding="utf-8") == write_page(), "run `python -m tests.released`"


def test_every_row_is_another_run() -> None:
    names = [expected.case.name for expected in EXPECTED]
    assert len(set(names)) == len(names) >= 60
    texts = [expected.case.name for expected in OF_SEQUENCES]
    assert len(set(texts)) == len(texts) >= 20


def test_of_every_script_some_folder_is_right_or_each_has_a_cause() -> None:
    for script in SCRIPTS:
        rows = [expected for expected in EXPECTED if expected.case.script == script]
        assert any(not row.gives_up for row in rows), script
    for script in SEQUENCE_SCRIPTS:
        made = [e for e in OF_SEQUENCES if e.case.script == script and not e.gives_up]
        assert made, script


def test_what_gives_up_has_no_cause() -> None:
    assert not [e for e in (*EXPECTED, *OF_SEQUENCES) if e.gives_up and e.causes]
