"""Modules that fairseq does without although the checkpoint has them."""

from __future__ import annotations

from toolkit.core.coverage import Reason
from toolkit.core.formats import SinceFormat
from toolkit.core.spec import TensorSpec
from toolkit.diagnosis.left_out import explains, find_left_out
from toolkit.mapping import Drop, Plan, Rule, Table, make_plan

NORM = "decoder.layer_norm"
SINCE = (SinceFormat(module=NORM, marker="decoder.version", first=3),)
UNHEARD = ((f"model.{NORM}", None),)


def plan(*markers: str) -> Plan:
    names = [f"{NORM}.weight", f"{NORM}.bias"]
    sources = {n: TensorSpec(name=n, shape=(4,), dtype="float32") for n in (*names, *markers)}
    targets = {f"model.{n}": TensorSpec(name=n, shape=(4,), dtype="float32") for n in names}
    rows = (
        Rule("decoder.layer_norm.{weight|bias}", "model.decoder.layer_norm.{weight|bias}"),
        *(Drop(marker, "it counts formats") for marker in markers),
    )
    return make_plan(Table(name="norms", rows=rows), sources, targets)


def test_a_missing_format_is_told_with_what_it_costs_and_the_number_to_write() -> None:
    (found,) = find_left_out(plan(), UNHEARD, SINCE)
    assert found.target_module == f"model.{NORM}"
    assert found.source_parameters == (f"{NORM}.weight", f"{NORM}.bias")
    assert "`decoder.version` is missing" in found.summary
    assert "torch.tensor([3.])" in found.fix
    assert found.hypothesis is not None
    assert found.hypothesis.confirmed


def test_an_earlier_format_is_told_as_such() -> None:
    (found,) = find_left_out(plan("decoder.version"), UNHEARD, SINCE)
    assert "`decoder.version` is below 3" in found.summary


def test_what_no_format_explains_is_told_without_one() -> None:
    (found,) = find_left_out(plan(), UNHEARD, ())
    assert f"fairseq leaves `{NORM}` out" in found.summary
    assert found.hypothesis is not None
    assert not found.hypothesis.confirmed


def test_a_module_that_is_not_compared_for_a_reason_is_no_finding() -> None:
    because = Reason(name="model.decoder", because="its parts are compared")
    assert find_left_out(plan(), ((f"model.{NORM}", because),), SINCE) == ()


def test_what_is_left_out_explains_the_modules_around_it_and_no_others() -> None:
    found = find_left_out(plan(), UNHEARD, SINCE)
    assert explains(found, f"model.{NORM}")
    assert explains(found, "model.decoder")
    assert not explains(found, "model.decoder.layer")
    assert not explains((), "model.decoder")
