"""The pairs of packages that are not at hand without `make test-foreign`."""

from __future__ import annotations

import os
import sys

import pytest

import toolkit
from tests.modules.fault_tables import FAULTS
from tests.modules.faults import Fault
from tests.modules.foreign_ports import FOREIGN
from tests.modules.judging import judge, problems

pytestmark = pytest.mark.foreign
CASES = [
    pytest.param(name, fault, id=f"{name}: {fault}") for name in FOREIGN for fault in FAULTS[name]
]


@pytest.fixture(autouse=True)
def packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind all others: what both have is ours."""
    monkeypatch.setattr(sys, "path", [*sys.path, os.environ["TOOLKIT_FOREIGN"]])


@pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN.keys())
def test_models_of_two_packages_that_do_the_same_match(make):
    port = make()
    result = toolkit.compare_modules(port.source, port.target, **port.asked())
    assert result.verdict == "match", result.findings
    assert result.level("outputs").worst.error < 1e-14


@pytest.mark.parametrize(("name", "fault"), CASES)
def test_a_mistake_of_a_port_is_found_and_blamed_first(name: str, fault: Fault):
    assert problems(judge(FOREIGN[name](), fault), fault) == []
