"""One deliberate fault of every class of the catalogue: detected, and blamed on the right thing.

The fast part of the suite takes one class in so many. The whole catalogue runs with `make faults`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sampling import slow
from toolkit.audio import Clip
from toolkit.compare.pictures import shortest
from toolkit.core.breakable import Breakable
from toolkit.core.findings import Finding
from toolkit.faults import Fault, Truth, double_faults, maybe_harmless, single_faults
from toolkit.pipeline.difference import Session, diff_folder, open_session
from toolkit.pipeline.faulting import names
from toolkit.pipeline.prepare import Prepared


@pytest.fixture(scope="module")
def session(prepared: Prepared, clips: tuple[Clip, ...]) -> Iterator[Session]:
    with open_session(prepared, shortest(clips)) as opened:
        yield opened


@pytest.fixture(scope="module")
def one_of_each_class(converted: Path, breakable: Breakable) -> list[Fault]:
    faults = single_faults(converted, breakable)
    return list({fault.kind: fault for fault in reversed(faults)}.values())


def test_a_fault_that_nobody_sees_comes_to_a_note_and_a_match(
    session: Session, converted: Path, one_of_each_class: list[Fault], tmp_path: Path
) -> None:
    unseen = [fault for fault in one_of_each_class if fault.truth.noted]
    assert len(unseen) >= 4
    for number, fault in enumerate(unseen):
        broken = Path(shutil.copytree(converted, tmp_path / str(number)))
        fault.break_folder(broken)
        result = diff_folder(session, broken)
        assert (result.verdict, result.findings) == ("match", ()), fault.name
        assert {note.key for note in result.notes} == fault.truth.config_keys, fault.name


def findings(session: Session, right: Path, fault: Fault, folder: Path) -> tuple[Finding, ...]:
    broken = Path(shutil.copytree(right, folder))
    fault.break_folder(broken)
    if maybe_harmless(right, broken) is not None:
        return ()
    return diff_folder(session, broken).findings


@pytest.mark.parametrize("one_in", [32, slow(1)])
def test_the_first_finding_names_one_fault_of_every_class(
    one_in: int,
    session: Session,
    converted: Path,
    one_of_each_class: list[Fault],
    tmp_path: Path,
) -> None:
    missed = {}
    for number, fault in enumerate(one_of_each_class[::one_in]):
        if fault.truth.noted or fault.kind == "direction_halved":
            continue
        found = findings(session, converted, fault, tmp_path / str(number))
        if not (found and names(found[0], fault.truth)) or len(found) > 1:
            missed[fault.name] = [finding.summary for finding in found]
    assert missed == {}
    assert len(one_of_each_class) >= 40


def test_a_fault_that_changes_nothing_is_excluded_with_a_proof(
    session: Session, converted: Path, breakable: Breakable, tmp_path: Path
) -> None:
    (fault,) = [f for f in single_faults(converted, breakable) if f.kind == "direction_halved"]
    broken = Path(shutil.copytree(converted, tmp_path / "broken"))
    fault.break_folder(broken)
    assert maybe_harmless(converted, broken)
    assert diff_folder(session, broken).findings == ()


@pytest.mark.parametrize("one_in", [24, slow(8)])
def test_both_of_two_faults_are_among_the_findings(
    one_in: int, session: Session, converted: Path, breakable: Breakable, tmp_path: Path
) -> None:
    for number, double in enumerate(double_faults(converted, breakable)[::one_in]):
        broken = Path(shutil.copytree(converted, tmp_path / str(number)))
        double.break_folder(broken)
        found = diff_folder(session, broken).findings
        for truth in double.truths:
            assert any(names(finding, truth) for finding in found), double.name


def test_a_finding_about_another_place_names_nothing() -> None:
    finding = Finding(kind="weights", target_module="encoder.adapter", summary="", fix="")
    truth = Truth(
        modules=frozenset({"decoder.lm_head"}),
        hypotheses=frozenset({"zeroed"}),
        files=frozenset({"model.safetensors"}),
    )
    assert not names(finding, truth)
