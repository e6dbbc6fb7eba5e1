from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.core.errors import BrokenRule
from toolkit.core.spec import TensorSpec
from toolkit.mapping import (
    Drop,
    Fill,
    Identity,
    Rule,
    SplitWeightNorm,
    Table,
    Tie,
    Zeros,
    make_plan,
)

ROWS = (
    Rule("layers.{i}.{weight|bias}", "blocks.{i}.{weight|bias}"),
    Rule("conv.weight", ("conv.g", "conv.v"), SplitWeightNorm()),
    Drop("version", "it only counts"),
    Fill("proj.weight", Identity(), "there is none"),
    Fill("proj.bias", Zeros(), "there is none"),
    Rule("embed", "embed.weight"),
    Tie("out", "embed", "head.weight", "embed.weight", "they are shared"),
)
SOURCES = {
    "layers.0.weight": (4, 3),
    "layers.0.bias": (4,),
    "layers.1.weight": (4, 4),
    "layers.1.bias": (4,),
    "conv.weight": (4, 2, 5),
    "version": (1,),
    "embed": (9, 4),
    "out": (9, 4),
}
TARGETS = {
    "blocks.0.weight": (4, 3),
    "blocks.0.bias": (4,),
    "blocks.1.weight": (4, 4),
    "blocks.1.bias": (4,),
    "conv.g": (1, 1, 5),
    "conv.v": (4, 2, 5),
    "proj.weight": (4, 4),
    "proj.bias": (4,),
    "embed.weight": (9, 4),
    "head.weight": (9, 4),
}


def specs(shapes):
    return {n: TensorSpec(name=n, dtype="float32", shape=s) for n, s in shapes.items()}


def plan(rows=ROWS, sources=SOURCES, targets=TARGETS):
    return make_plan(Table(name="sample", rows=tuple(rows)), specs(sources), specs(targets))


def problems(**changes):
    with pytest.raises(BrokenRule) as caught:
        plan(**changes)
    return str(caught.value).splitlines()


def without(mapping, *names):
    return {name: value for name, value in mapping.items() if name not in names}


def test_a_whole_table_gives_every_target_its_source():
    made = plan()
    assert {t: (a.source, a.op.name, a.output) for t, a in made.assignments.items()} == {
        "blocks.0.weight": ("layers.0.weight", "copy", 0),
        "blocks.0.bias": ("layers.0.bias", "copy", 0),
        "blocks.1.weight": ("layers.1.weight", "copy", 0),
        "blocks.1.bias": ("layers.1.bias", "copy", 0),
        "conv.g": ("conv.weight", "split into weight norm", 0),
        "conv.v": ("conv.weight", "split into weight norm", 1),
        "proj.weight": (None, "identity matrix", 0),
        "proj.bias": (None, "zeros", 0),
        "embed.weight": ("embed", "copy", 0),
    }
    assert [reason.name for reason in made.dropped] == ["version"]
    assert made.used_sources == SOURCES.keys() - {"version"}
    assert made.rounded == {"conv.g", "conv.v"}


def test_assignments_stand_in_the_order_of_the_target():
    targets = dict(reversed(TARGETS.items()))
    assert list(plan(targets=targets).assignments) == [n for n in targets if n != "head.weight"]


@given(st.permutations(ROWS))
def test_the_order_of_the_rows_has_no_meaning(rows):
    expected, found = plan(), plan(rows)
    assert list(found.assignments) == list(expected.assignments)
    for target, assignment in found.assignments.items():
        assert replace(assignment, origin="") == replace(expected.assignments[target], origin="")
    assert (found.ties, found.dropped) == (expected.ties, expected.dropped)
    assert found.used_sources == expected.used_sources


@given(st.permutations(ROWS[1:]))
def test_the_order_of_the_rows_has_no_meaning_for_what_is_wrong(rows):
    assert sorted(problems(rows=rows)) == sorted(problems(rows=ROWS[1:]))


def test_a_source_that_no_row_claims_is_named():
    (problem,) = problems(sources={**SOURCES, "layers.0.gain": (4,)})
    assert problem.startswith("`layers.0.gain` matches no rule of `sample`.")


def test_a_source_that_two_rows_claim_is_named_with_both():
    found = problems(rows=(*ROWS, Drop("embed", "it is too much")))
    assert any(
        "`embed` must match exactly one rule, but matches 2: sample, row 6" in line
        and "sample, row 8" in line
        for line in found
    )


def test_a_source_that_a_rule_and_a_tie_claim_is_named():
    found = problems(rows=(*ROWS, Rule("out", "head.weight")))
    assert any(line.startswith("`out` must match exactly one rule") for line in found)


def test_a_target_that_nothing_produces_is_named():
    (problem,) = problems(targets={**TARGETS, "blocks.2.bias": (4,)})
    assert problem.startswith("`blocks.2.bias` must be produced exactly once, but is produced 0")


def test_a_target_that_is_produced_twice_is_named():
    sources = {**SOURCES, "embed2": (9, 4)}
    found = problems(rows=(*ROWS, Rule("embed2", "embed.weight")), sources=sources)
    assert found[0].startswith("`embed.weight` must be produced exactly once, but is produced 2")


def test_a_target_that_is_filled_and_mapped_is_named():
    found = problems(rows=(*ROWS, Fill("embed.weight", Zeros(), "by mistake")))
    assert found[0].startswith("`embed.weight` must be produced exactly once, but is produced 2")


def test_a_target_that_is_tied_and_mapped_is_named():
    found = problems(rows=(*ROWS, Fill("head.weight", Zeros(), "by mistake")))
    assert found[0].startswith("`head.weight` must be produced exactly once, but is produced 2")


def test_a_target_that_the_model_lacks_is_named():
    (problem,) = problems(targets=without(TARGETS, "blocks.1.bias"))
    assert problem.startswith("`blocks.1.bias` is produced by `sample`, but the target model has")


@pytest.mark.parametrize("row", [Rule("absent.{i}", "absent.{i}"), Drop("absent", "it is gone")])
def test_a_row_that_matches_nothing_is_named(row):
    (problem,) = problems(rows=(*ROWS, row))
    assert problem.startswith(f"`sample, row 8: {row}` must match at least one source tensor")


def test_a_tie_of_a_twin_that_the_checkpoint_leaves_out_is_no_error():
    made = plan(sources=without(SOURCES, "out"))
    assert made.used_sources == SOURCES.keys() - {"version", "out"}


@pytest.mark.parametrize("name", ["blocks.0.weight", "conv.g", "conv.v", "embed.weight"])
def test_a_target_of_another_shape_is_named_with_both_shapes(name):
    (problem,) = problems(targets={**TARGETS, name: (7, 7)})
    assert problem.startswith(f"`{name}` must have shape (7, 7) as config.json says, but `")
    assert "gives (" in problem


def test_both_sides_of_a_rule_must_have_the_same_slots():
    with pytest.raises(BrokenRule, match="has 0 slots, but its partner has 2"):
        plan(rows=(Rule("layers.{i}.{weight|bias}", "blocks"), *ROWS[1:]))


def test_all_offenders_stand_in_one_error():
    found = problems(
        rows=(*ROWS, Drop("embed", "twice"), Drop("absent", "unused")),
        sources={**SOURCES, "stray.0": (1,), "stray.1": (1,)},
        targets={
            **without(TARGETS, "blocks.1.bias"),
            "blocks.0.weight": (7, 7),
            "new.0": (1,),
            "new.1": (1,),
        },
    )
    for start in (
        "`stray.0` matches no rule",
        "`stray.1` matches no rule",
        "`embed` must match exactly one rule",
        "`sample, row 9: absent",
        "`new.0` must be produced exactly once",
        "`new.1` must be produced exactly once",
        "`blocks.1.bias` is produced by",
        "`blocks.0.weight` must have shape (7, 7)",
    ):
        assert sum(line.startswith(start) for line in found) == 1, start
    assert len(found) == 8


# The golden checkpoint's table

GOLDEN_ROWS = 23


def golden_plan(prepared, rows):
    table = Table(name="golden", rows=tuple(rows))
    return make_plan(table, prepared.checkpoint.tensors, prepared.plan.targets)


def test_the_golden_table_is_whole(prepared):
    rows = prepared.network.table.rows
    assert len(rows) == GOLDEN_ROWS
    made = golden_plan(prepared, rows)
    tied = {tie.target for tie in made.ties}
    assert made.assignments.keys() | tied == prepared.plan.targets.keys()
    dropped = {reason.name for reason in made.dropped}
    assert made.used_sources | dropped == prepared.checkpoint.tensors.keys()
    assert not made.used_sources & dropped


@pytest.mark.parametrize("index", range(GOLDEN_ROWS))
def test_the_golden_table_fails_without_any_one_of_its_rows(prepared, index):
    rows = prepared.network.table.rows
    with pytest.raises(BrokenRule):
        golden_plan(prepared, rows[:index] + rows[index + 1 :])


@pytest.mark.parametrize("index", range(GOLDEN_ROWS))
def test_the_golden_table_fails_with_any_one_of_its_rows_twice(prepared, index):
    rows = prepared.network.table.rows
    with pytest.raises(BrokenRule):
        golden_plan(prepared, (*rows, rows[index]))


def test_the_golden_table_fails_without_any_one_of_the_source_tensors(prepared):
    twin = "decoder.output_projection.weight"
    for name in prepared.checkpoint.tensors.keys() - {twin}:
        with pytest.raises(BrokenRule):
            make_plan(
                prepared.network.table,
                without(prepared.checkpoint.tensors, name),
                prepared.plan.targets,
            )


def test_the_golden_table_fails_without_any_one_of_the_target_tensors(prepared):
    for name in prepared.plan.targets:
        with pytest.raises(BrokenRule):
            make_plan(
                prepared.network.table,
                prepared.checkpoint.tensors,
                without(prepared.plan.targets, name),
            )
