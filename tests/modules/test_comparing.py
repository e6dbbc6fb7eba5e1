from __future__ import annotations

import pytest
import torch

import toolkit
from tests.modules.ports import PORTS, make_torch_encoder


@pytest.mark.parametrize("make", PORTS.values(), ids=PORTS.keys())
def test_models_of_two_packages_that_do_the_same_match(make):
    port = make()
    result = toolkit.compare_modules(port.source, port.target, **port.asked())
    assert result.verdict == "match", result.findings
    assert result.coverage.target_compared == result.coverage.target_total
    assert result.level("outputs").worst.error < 1e-14


def test_a_tensor_that_was_scaled_is_named_with_its_factor_and_its_part_of_the_source():
    port = make_torch_encoder()
    with torch.no_grad():
        port.target.layer[1].attention.self.key.weight.mul_(1.01)
    result = toolkit.compare_modules(port.source, port.target, **port.asked())
    assert result.verdict == "mismatch"
    (finding,) = result.findings
    assert finding.target_parameters == ("layer.1.attention.self.key.weight",)
    assert finding.hypothesis.name == "scaled"
    assert finding.fix == (
        "write `layers.1.self_attn.in_proj_weight` to `layer.1.attention.self.key.weight` as part "
        "2 of 3"
    )
