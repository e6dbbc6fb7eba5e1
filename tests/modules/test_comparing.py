"""Models of two packages match, and mistakes of ports are found, first, where they are."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import toolkit
from tests.modules.fault_tables import FAULTS
from tests.modules.faults import Fault
from tests.modules.judging import judge, problems
from tests.modules.ports import PORTS, make_torch_encoder

ALWAYS = 3
"""Of how many faults of a port each run takes one; the others repeat it."""
CASES = [
    pytest.param(
        name, fault, id=f"{name}: {fault}", marks=[pytest.mark.wide] * (place % ALWAYS > 0)
    )
    for name in PORTS
    for place, fault in enumerate(FAULTS[name])
]


@pytest.mark.parametrize("make", PORTS.values(), ids=PORTS.keys())
def test_models_of_two_packages_that_do_the_same_match(make):
    port = make()
    result = toolkit.compare_modules(port.source, port.target, **port.asked())
    assert result.verdict == "match", result.findings
    assert not result.findings
    assert not result.assumptions
    assert result.coverage.target_compared == result.coverage.target_total
    assert result.level("outputs").worst.error < 1e-14


@pytest.mark.parametrize(("name", "fault"), CASES)
def test_a_mistake_of_a_port_is_found_and_blamed_first(name: str, fault: Fault):
    assert problems(judge(PORTS[name](), fault), fault) == []


def test_every_port_has_twenty_faults_of_names_of_their_own():
    assert [len({str(fault) for fault in faults}) for faults in FAULTS.values()] == [20] * 4


def test_a_part_of_a_fused_matrix_is_named_with_the_matrix_and_the_number_of_the_part():
    port = make_torch_encoder()
    with torch.no_grad():
        port.target.layer[1].attention.self.key.weight.mul_(1.01)
    (finding,) = toolkit.compare_modules(port.source, port.target, **port.asked()).findings
    assert finding.fix == (
        "write `layers.1.self_attn.in_proj_weight` to `layer.1.attention.self.key.weight` as part "
        "2 of 3"
    )


def test_a_model_compared_with_itself_matches_without_rules():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    result = toolkit.compare_modules(model, model, inputs=torch.randn(5, 3))
    assert result.verdict == "match"
    assert result.coverage.modules_compared == 2
