"""A plan for classes that cannot express everything says what is left over on either side."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mapping.test_plan import ROWS, SOURCES, TARGETS, specs
from toolkit.core.errors import BrokenRule
from toolkit.mapping import Plan, Rule, Table, fit_plan, make_plan

EXTRA = {"norm.weight": (4,), "norm.bias": (4,)}


def fitted(rows=ROWS, sources=SOURCES, targets=TARGETS, lost: tuple[str, ...] = ()) -> Plan:
    return fit_plan(Table(name="sample", rows=tuple(rows)), specs(sources), specs(targets), lost)


def some_of(names):
    return st.sets(st.sampled_from(sorted(names))) if names else st.just(set())


@given(some_of(SOURCES), some_of(TARGETS), some_of(range(len(ROWS))))
@settings(max_examples=150)
def test_every_tensor_of_either_side_is_accounted_for_once(no_source, no_target, no_row):
    sources = {name: shape for name, shape in SOURCES.items() if name not in no_source}
    targets = {name: shape for name, shape in TARGETS.items() if name not in no_target}
    found = fitted([row for i, row in enumerate(ROWS) if i not in no_row], sources, targets)
    assert found.targets.keys() | found.unfilled == targets.keys()
    assert not found.targets.keys() & found.unfilled
    assert found.targets.keys() == found.assignments.keys() | {tie.target for tie in found.ties}
    placed = found.used_sources | {reason.name for reason in found.dropped}
    assert placed | set(found.unplaced) == sources.keys()
    assert not placed & set(found.unplaced)


@given(some_of(EXTRA), some_of(EXTRA))
def test_what_fits_is_planned_as_if_there_were_nothing_else(more_sources, more_targets):
    sources = {**SOURCES, **{f"old.{name}": EXTRA[name] for name in more_sources}}
    targets = {**TARGETS, **{f"new.{name}": EXTRA[name] for name in more_targets}}
    found, strict = (
        fitted(sources=sources, targets=targets),
        make_plan(Table(name="sample", rows=ROWS), specs(SOURCES), specs(TARGETS)),
    )
    assert found.assignments == strict.assignments
    assert found.ties == strict.ties
    assert set(found.unplaced) == {f"old.{name}" for name in more_sources}
    assert found.unfilled == {f"new.{name}" for name in more_targets}


@pytest.mark.parametrize("name", ["blocks.1.weight", "conv.g", "embed.weight"])
def test_a_target_of_another_shape_stays_unfilled_and_its_source_unplaced(name):
    found = fitted(targets={**TARGETS, name: (7, 7, 7)})
    assert name in found.unfilled
    assert name not in found.targets


def test_a_tie_goes_with_its_twin():
    found = fitted(targets={name: s for name, s in TARGETS.items() if name != "embed.weight"})
    assert found.ties == ()
    assert "head.weight" in found.unfilled
    assert {"embed", "out"} <= set(found.unplaced)


def test_nothing_is_said_of_what_is_lost():
    found = fitted(lost=("blocks.",))
    assert not any(name.startswith("blocks.") for name in found.targets)
    assert found.has_no_say("blocks.0.weight")
    assert found.has_no_say("blocks.7.of.another.kind")
    assert not found.has_no_say("proj.weight")


def test_a_tensor_that_two_rows_claim_is_a_broken_rule_all_the_same():
    with pytest.raises(BrokenRule, match="must match exactly one rule"):
        fitted([*ROWS, Rule("embed", "embed.weight")])
    with pytest.raises(BrokenRule, match="must be produced exactly once"):
        fitted([*ROWS, Rule("spare", "proj.bias")], {**SOURCES, "spare": (4,)})
