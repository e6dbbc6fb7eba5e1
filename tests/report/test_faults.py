"""The page and the terminal tables of `toolkit faults`."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from toolkit.core.coverage import Reason
from toolkit.core.outcomes import DoubleOutcome, FaultOutcome, FaultsResult, YardstickOutcome
from toolkit.report.faults import print_faults, render_faults


def outcome(name: str, *, blamed: bool = True, extra: int = 0) -> FaultOutcome:
    return FaultOutcome(
        name=name,
        kind="zeroed",
        part="encoder layers",
        of_weights=True,
        noted=False,
        detected=True,
        blamed=blamed,
        hypothesis=blamed,
        extra=extra,
        said="`<script>alert(1)</script>` holds zeros",
        right_error=1e-15,
        wrong_error=0.5,
        yardsticks=(YardstickOutcome(name="cosine", detects=True, names_module=False),),
    )


@pytest.fixture
def result() -> FaultsResult:
    return FaultsResult(
        singles=(outcome("zeroed:a"), outcome("zeroed:<b>", blamed=False, extra=2)),
        doubles=(
            DoubleOutcome(name="both", kind="weight+config", found=(True, False), extra=1, said=()),
        ),
        excluded=(Reason(name="rows_shuffled:c", because="all rows are equal"),),
        duration_s=12.0,
    )


def test_the_page_shows_every_fault_and_keeps_hostile_names_text(result: FaultsResult) -> None:
    html = render_faults(result)
    assert "<script>" not in html
    assert "zeroed:&lt;b&gt;" in html
    assert "all rows are equal" in html
    assert "://" not in html


def test_the_terminal_names_what_was_not_found(result: FaultsResult) -> None:
    stream = io.StringIO()
    print_faults(result, Console(file=stream, width=160))
    said = stream.getvalue()
    assert "2 of 2 detected, 1 of 2 blamed" in said
    assert "not named: zeroed:<b>" in said
    assert "not both: both" in said
    assert "right modules up to 1.0e-15, wrong ones from 5.0e-01" in said


def test_a_result_with_a_miss_is_not_perfect(result: FaultsResult) -> None:
    assert not result.perfect
    assert result.to_dict()["blamed"] == {"right": 1, "total": 2}


def test_extra_findings_are_counted_and_the_faults_with_some_are_named(
    result: FaultsResult,
) -> None:
    stream = io.StringIO()
    print_faults(result, Console(file=stream, width=160))
    assert "extra findings: 3 beyond those that the faults explain" in stream.getvalue()
    assert "2 extra findings: zeroed:<b>" in stream.getvalue()
    assert "no fault explains: 3." in render_faults(result)
    assert result.to_dict()["extra_findings"] == 3


def test_one_extra_finding_spoils_a_run_without_a_miss(result: FaultsResult) -> None:
    clean = replace(result, singles=(outcome("zeroed:a"),), doubles=())
    assert clean.perfect
    assert not replace(clean, singles=(outcome("zeroed:a", extra=1),)).perfect


def test_a_fault_that_nobody_sees_is_counted_where_a_note_names_it(result: FaultsResult) -> None:
    unseen = replace(outcome("dropout_changed:a"), noted=True, kind="dropout_changed")
    counted = replace(result, singles=(*result.singles, unseen, replace(unseen, blamed=False)))
    stream = io.StringIO()
    print_faults(counted, Console(file=stream, width=160))
    assert "nobody: 1 of 2 noted" in stream.getvalue()
    assert counted.to_dict()["noted"] == {"right": 1, "total": 2}
    assert counted.count_noted(counted.by_kind["dropout_changed"]) == 1
