"""How a user's rows meet those of a family."""

import pytest

from toolkit.core.errors import BrokenRule
from toolkit.core.spec import TensorSpec
from toolkit.mapping import (
    Drop,
    Fill,
    Identity,
    PlacedRow,
    Rule,
    SplitWeightNorm,
    Table,
    Tie,
    Transpose,
    Zeros,
    dropped_tensors,
    make_plan,
)

FAMILY = (
    Rule("layers.{i}.{weight|bias}", "blocks.{i}.{weight|bias}"),
    Rule("embed", "embed.weight"),
    Tie("out", "embed", "head.weight", "embed.weight", "they are shared"),
    Fill("proj.weight", Identity(), "there is none"),
    Drop("version", "it only counts"),
)
SOURCES = {
    "layers.0.weight": (4, 3),
    "layers.0.bias": (4,),
    "layers.1.weight": (4, 3),
    "layers.1.bias": (4,),
    "embed": (9, 4),
    "out": (9, 4),
    "version": (1,),
}
TARGETS = {
    "blocks.0.weight": (4, 3),
    "blocks.0.bias": (4,),
    "blocks.1.weight": (4, 3),
    "blocks.1.bias": (4,),
    "embed.weight": (9, 4),
    "head.weight": (9, 4),
    "proj.weight": (4, 4),
}


def specs(shapes):
    return {n: TensorSpec(name=n, dtype="float32", shape=s) for n, s in shapes.items()}


def table(*user, family=FAMILY):
    placed = tuple(PlacedRow(row=row, file="my.yaml", line=n) for n, row in enumerate(user, 10))
    return Table(name="sample", rows=family, user_rows=placed)


def plan(*user, family=FAMILY, sources=SOURCES, targets=TARGETS):
    return make_plan(table(*user, family=family), specs(sources), specs(targets))


def problems(*user, **changes):
    with pytest.raises(BrokenRule) as caught:
        plan(*user, **changes)
    return str(caught.value).splitlines()


def made(plan):
    return {target: (a.source, a.op.name) for target, a in plan.assignments.items()}


def test_a_family_s_own_rows_make_the_plan_where_the_user_says_nothing():
    assert made(plan()).keys() == TARGETS.keys() - {"head.weight"}


def test_a_source_that_the_user_claims_is_not_claimed_by_the_family():
    found = plan(Rule("layers.1.weight", "blocks.1.weight", Transpose(0, 1)),
                 sources={**SOURCES, "layers.1.weight": (3, 4)})  # fmt: skip
    expected = {**made(plan()), "blocks.1.weight": ("layers.1.weight", "transpose axes 0 and 1")}
    assert made(found) == expected
    origins = {target: a.origin for target, a in found.assignments.items()}
    assert origins["blocks.1.weight"].startswith("my.yaml, line 10: layers.1.weight -> ")
    assert origins["blocks.0.weight"].startswith("sample, row 1: layers.{i}")


def test_a_family_row_whose_sources_the_user_claims_all_is_no_error():
    found = plan(Rule("embed", "embed.weight", Transpose()), sources={**SOURCES, "embed": (4, 9)})
    assert made(found)["embed.weight"] == ("embed", "transpose axes 0 and 1")


def test_a_row_that_repeats_a_family_s_row_takes_its_place():
    found = plan(FAMILY[0], FAMILY[2], FAMILY[3], FAMILY[4])
    assert made(found) == made(plan())
    assert found.ties == plan().ties
    assert {a.origin.split(":")[0] for a in found.assignments.values()} == {
        "my.yaml, line 10",
        "my.yaml, line 12",
        "sample, row 2",
    }


def test_a_tensor_that_the_family_does_not_know_can_be_dropped():
    found = plan(Drop("ema.{i}", "unused"), sources={**SOURCES, "ema.0": (1,), "ema.1": (2,)})
    assert [reason.name for reason in found.dropped] == ["version", "ema.0", "ema.1"]
    assert [reason.because for reason in found.dropped][1:] == ["unused", "unused"]


def test_a_fill_of_the_family_gives_way_to_a_rule_and_to_a_fill():
    found = plan(Rule("p", "proj.weight"), sources={**SOURCES, "p": (4, 4)})
    assert made(found)["proj.weight"] == ("p", "copy")
    assert made(plan(Fill("proj.weight", Zeros(), "x")))["proj.weight"] == (None, "zeros")


def test_a_tie_of_the_family_gives_way_to_a_rule():
    found = plan(Rule("out", "head.weight"))
    assert found.ties == ()
    assert made(found)["head.weight"] == ("out", "copy")


def test_a_rule_of_the_family_gives_way_to_a_tie():
    family = (*FAMILY[:2], Rule("out", "head.weight"), *FAMILY[3:])
    found = plan(FAMILY[2], family=family)
    assert found.ties == (FAMILY[2],)
    assert "head.weight" not in found.assignments
    assert "out" in found.used_sources


def test_a_tie_whose_source_the_checkpoint_leaves_out_gives_way_too():
    sources = {name: shape for name, shape in SOURCES.items() if name != "out"}
    found = plan(Rule("other", "head.weight"), sources={**sources, "other": (9, 4)})
    assert found.ties == ()


# What stays as strict as it was


def test_a_source_that_loses_its_target_to_the_user_is_named_with_both_rows():
    found = problems(Rule("x", "embed.weight"), sources={**SOURCES, "x": (9, 4)})
    assert found[0].startswith(
        "`embed` must have a place in the target, but `my.yaml, line 10: x -> embed.weight (copy)` "
        "takes `embed.weight`, which `sample, row 2: embed -> embed.weight (copy)` makes of it."
    )
    assert "no rule makes `embed.weight` of `embed`" in found[1]


def test_a_source_that_loses_one_of_its_targets_is_named():
    family = (Rule("c", ("g", "v"), SplitWeightNorm()),)
    sources, targets = {"c": (2, 2, 3), "d": (1, 1, 3)}, {"g": (1, 1, 3), "v": (2, 2, 3)}
    (problem,) = problems(Rule("d", "g"), family=family, sources=sources, targets=targets)
    assert problem.startswith("`c` must have a place in the target")


def test_a_source_that_loses_its_target_to_a_fill_is_named():
    (problem,) = problems(Fill("blocks.0.bias", Zeros(), "x"))
    assert problem.startswith("`layers.0.bias` must have a place in the target, but `my.yaml")


def test_a_tied_source_that_loses_its_target_is_named():
    (problem,) = problems(Rule("x", "head.weight"), sources={**SOURCES, "x": (9, 4)})
    assert problem.startswith("`out` must have a place in the target, but `my.yaml, line 10")


def test_a_tied_source_that_the_user_drops_leaves_its_target_unproduced():
    (problem,) = problems(Drop("out", "it is a copy"))
    assert problem.startswith("`head.weight` must be produced exactly once, but is produced 0")


@pytest.mark.parametrize("row", [Rule("absent.{i}", "absent.{i}"), Drop("absent", "gone")])
def test_a_user_s_row_that_matches_nothing_is_named_with_its_line(row):
    (problem,) = problems(row)
    assert problem.startswith(f"`my.yaml, line 10: {row}` must match at least one source tensor")


def test_a_family_s_row_that_matches_nothing_stays_an_error():
    (problem,) = problems(Drop("embed2", "x"), family=(*FAMILY, Drop("absent", "gone")),
                          sources={**SOURCES, "embed2": (1,)})  # fmt: skip
    assert problem.startswith("`sample, row 6: absent -> dropped")


def test_a_source_that_two_rows_of_the_user_claim_is_named_with_both_lines():
    found = problems(Rule("embed", "embed.weight"), Drop("embed", "twice"))
    assert any("matches 2: my.yaml, line 10" in line and "my.yaml, line 11" in line
               for line in found)  # fmt: skip


def test_a_target_that_two_rows_of_the_user_produce_is_named_with_both_lines():
    found = problems(
        Rule("embed", "embed.weight"),
        Rule("x", "embed.weight"),
        sources={**SOURCES, "x": (9, 4)},
    )
    assert "`embed.weight` must be produced exactly once, but is produced 2 times" in found[0]
    assert "my.yaml, line 10" in found[0]
    assert "my.yaml, line 11" in found[0]


@pytest.mark.parametrize(
    "row",
    [
        Rule("embed2", "nowhere"),
        Fill("nowhere", Zeros(), "x"),
        Tie("embed2", "embed", "nowhere", "embed.weight", "x"),
    ],
)
def test_a_user_s_row_for_a_target_that_the_model_lacks_is_named_with_its_line(row):
    sources = SOURCES if isinstance(row, Fill) else {**SOURCES, "embed2": (9, 4)}
    (problem,) = problems(row, sources=sources)
    assert problem.startswith(f"`nowhere` is produced by `my.yaml, line 10: {row}`, but the target")


def test_a_user_s_tie_of_what_no_rule_joins_is_named_with_its_line():
    row = Tie("out", "version", "head.weight", "embed.weight", "x")
    (problem,) = problems(row)
    assert problem.startswith(f"`my.yaml, line 10: {row}` must join what a rule joins")


@pytest.mark.parametrize(
    ("op", "target"),
    [(Transpose(0, 5), "blocks.0.bias"), (SplitWeightNorm(), ("blocks.0.bias", "g"))],
)
def test_an_op_that_does_not_fit_the_source_is_misshapen_and_no_crash(op, target):
    sources = {**SOURCES, "layers.0.bias": ()}
    found = problems(
        Rule("layers.0.bias", target, op), sources=sources, targets={**TARGETS, "g": ()}
    )
    assert any(line.startswith("`blocks.0.bias` must have shape (4,)") for line in found)


def test_the_dropped_tensors_of_a_table_are_those_that_its_plan_drops():
    user = (Drop("layers.0.bias", "x"), Rule("version", "blocks.0.bias"))
    sources = {**SOURCES, "version": (4,)}
    found = plan(*user, sources=sources)
    assert [reason.name for reason in found.dropped] == ["layers.0.bias"]
    assert dropped_tensors(table(*user), sources) == found.dropped
