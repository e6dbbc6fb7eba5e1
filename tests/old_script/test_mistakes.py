"""`toolkit diff` names every mistake of the public conversion script, in the first finding."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.old_script.mistakes import CASES, Case
from tests.sampling import one_in
from toolkit.audio import Clip
from toolkit.compare.pictures import shortest
from toolkit.pipeline.difference import Session, diff_folder, open_session
from toolkit.pipeline.prepare import Prepared


@pytest.fixture(scope="module")
def session(prepared: Prepared, clips: tuple[Clip, ...]) -> Iterator[Session]:
    with open_session(prepared, shortest(clips)) as opened:
        yield opened


@pytest.mark.parametrize("case", one_in(3, CASES, lambda case: case.name))
def test_a_mistake_of_the_public_script_is_named(
    case: Case, session: Session, broken: Path
) -> None:
    case.make(broken)
    result = diff_folder(session, broken)
    assert result.verdict == "mismatch"
    first = result.findings[0]
    assert case.names in (*first.target_parameters, *first.config_keys)
    assert first.hypothesis is not None
    assert (first.hypothesis.name, first.hypothesis.confirmed) == (case.hypothesis, True)


def test_all_mistakes_at_once_are_all_named(session: Session, broken: Path) -> None:
    together = [case for case in CASES if case.name != "an output layer lost by strict=False"]
    for case in together:
        case.make(broken)
    findings = diff_folder(session, broken).findings
    named = {name for f in findings for name in (*f.target_parameters, *f.config_keys)}
    assert {case.names for case in together} <= named
