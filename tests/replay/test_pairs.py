from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from toolkit.core.errors import BrokenRule
from toolkit.core.spec import TensorSpec
from toolkit.mapping import Rule, Split, Table, Tie, make_plan
from toolkit.replay.pairs import (
    Layout,
    Pair,
    derive_pairs,
    explain_uncompared,
    match_modules,
    module_paths,
    owner,
    parameterized,
)

NEVER_SHRINKS = 117
"""Pairs of the golden model; a smaller number would be coverage lost in silence."""


def pairs_of(plan, paths, layouts):
    source, target = paths
    return derive_pairs(plan, source, target, layouts)


@pytest.fixture(scope="module")
def paths(reference, target):
    return module_paths(reference.model), module_paths(target.model)


def as_dict(pairs):
    return {pair.target: pair.source for pair in pairs}


def test_the_golden_model_has_all_its_pairs(bench):
    assert len(bench.pairing.pairs) == NEVER_SHRINKS
    assert len(as_dict(bench.pairing.pairs)) == NEVER_SHRINKS


def test_every_module_that_owns_a_parameter_is_paired(bench, prepared):
    owners = set(parameterized(prepared.plan))
    assert len(owners) == 90
    assert owners <= set(as_dict(bench.pairing.pairs))


def test_pairs_stand_in_the_order_of_the_target_model(bench, target):
    order = [path for path, _ in target.model.named_modules()]
    found = [order.index(pair.target) for pair in bench.pairing.pairs]
    assert found == sorted(found)


def test_where_modules_nest_the_outermost_and_the_innermost_go_together(bench):
    pairs = as_dict(bench.pairing.pairs)
    stack = "encoder.w2v_encoder.w2v_model.encoder.pos_conv"
    assert pairs["encoder.encoder.pos_conv_embed"] == stack
    assert pairs["encoder.encoder.pos_conv_embed.conv"] == f"{stack}.0"
    assert pairs["decoder"] == "decoder"
    assert pairs["decoder.lm_head"] == "decoder.output_projection"


@given(random=st.randoms(use_true_random=False))
@settings(max_examples=25)
def test_neither_order_of_modules_nor_order_of_layouts_plays_a_part(random, prepared, paths, bench):
    def shuffled(values):
        return random.sample(list(values), len(values))

    layouts = prepared.network.layouts
    pairs = pairs_of(prepared.plan, map(shuffled, paths), shuffled(layouts))
    assert as_dict(pairs) == as_dict(bench.pairing.pairs)


def test_names_play_no_part_where_the_mapping_says_otherwise(prepared, paths, bench):
    """Two projections change places in the mapping: the pairs follow, whatever their names say."""
    layer = "encoder.encoder.layers.0.attention"
    plan, swapped = prepared.plan, dict(prepared.plan.assignments)
    for kind in ("weight", "bias"):
        query, key = f"{layer}.q_proj.{kind}", f"{layer}.k_proj.{kind}"
        swapped[query] = replace(plan.assignments[query], source=plan.assignments[key].source)
        swapped[key] = replace(plan.assignments[key], source=plan.assignments[query].source)
    plan = replace(plan, assignments=swapped)
    pairs = as_dict(pairs_of(plan, paths, prepared.network.layouts))
    right = as_dict(bench.pairing.pairs)
    assert pairs[f"{layer}.q_proj"] == right[f"{layer}.k_proj"]
    assert pairs[f"{layer}.k_proj"] == right[f"{layer}.q_proj"]
    differing = {path for path in right if pairs[path] != right[path]}
    assert differing == {f"{layer}.q_proj", f"{layer}.k_proj"}


def test_no_layout_row_that_the_model_needs_can_be_deleted(prepared, paths, bench):
    needed = {id(pair.layout) for pair in bench.pairing.pairs}
    layouts = prepared.network.layouts
    assert len(needed) > 20
    for row in layouts:
        remaining = [other for other in layouts if other is not row]
        if id(row) in needed:
            with pytest.raises(BrokenRule, match="matches 0"):
                pairs_of(prepared.plan, paths, remaining)
        else:
            assert pairs_of(prepared.plan, paths, remaining) == bench.pairing.pairs


def test_all_pairs_without_a_layout_are_named_at_once(prepared, paths):
    with pytest.raises(BrokenRule) as caught:
        pairs_of(prepared.plan, paths, ())
    lines = str(caught.value).splitlines()
    assert len(lines) == NEVER_SHRINKS
    assert all(line.endswith("Add or correct a row of the family's layouts.") for line in lines)


def test_all_pairs_with_two_layouts_are_named_at_once(prepared, paths):
    twice = Layout("encoder.encoder.layers.{i}.{layer_norm|final_layer_norm}", "T B D", "B T D")
    with pytest.raises(BrokenRule) as caught:
        pairs_of(prepared.plan, paths, (*prepared.network.layouts, twice))
    lines = str(caught.value).splitlines()
    assert len(lines) == 6
    assert all("must match exactly one layout, but matches 2" in line for line in lines)


def test_a_layout_says_the_axes_of_input_and_output_where_they_differ():
    layout = Layout("encoder", "B L -> T B D", "B L -> B T D")
    assert layout.input_axes == ("B L", "B L")
    assert layout.output_axes == ("T B D", "B T D")


def test_a_layout_with_one_side_has_it_for_input_and_output():
    layout = Layout("norm", "S B D", "B S D")
    assert layout.input_axes == layout.output_axes == ("S B D", "B S D")


def test_modules_that_cannot_be_called_are_no_paths():
    model = nn.Sequential(weight_norm(nn.Linear(2, 2)), nn.ModuleList([nn.ReLU()]))
    assert module_paths(model) == ("0", "1.0")


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [
        ("encoder.layers.0.fc1.weight", "encoder.layers.0.fc1"),
        ("conv.parametrizations.weight.original0", "conv"),
        ("encoder.conv.parametrizations.weight.original1", "encoder.conv"),
        ("weight", ""),
    ],
)
def test_a_parameter_belongs_to_its_module_parametrized_or_not(parameter, expected):
    assert owner(parameter) == expected


def test_every_module_without_a_pair_has_a_reason(prepared, paths, bench):
    uncompared = dict(explain_uncompared(prepared.plan, paths[1], bench.pairing.pairs))
    assert len(uncompared) + len(bench.pairing.pairs) == len(paths[1])
    assert all(reason is not None for reason in uncompared.values())
    assert "no parameters" in uncompared["encoder.encoder.dropout"].because
    assert "same extent" in uncompared["encoder.feature_projection"].because


def test_a_parameterized_module_that_loses_its_pair_has_no_excuse(prepared, paths, bench):
    lost = "encoder.encoder.layers.1.attention.q_proj"
    pairs = [pair for pair in bench.pairing.pairs if pair.target != lost]
    uncompared = dict(explain_uncompared(prepared.plan, paths[1], pairs))
    assert [path for path, reason in uncompared.items() if reason is None] == [lost]


def test_a_module_of_filled_tensors_alone_is_excused_by_the_row_that_fills_it(
    prepared, paths, bench
):
    filled = "encoder.feature_projection.projection"
    because = "(identity) -> projection, because fairseq has none"
    plan = replace(
        prepared.plan,
        assignments={
            name: replace(a, source=None, origin=because) if owner(name) == filled else a
            for name, a in prepared.plan.assignments.items()
        },
    )
    pairs = [pair for pair in bench.pairing.pairs if pair.target != filled]
    assert dict(explain_uncompared(plan, paths[1], pairs))[filled].because == because


def test_a_module_that_is_only_partly_filled_has_no_excuse(prepared, paths, bench):
    module = "encoder.feature_projection.projection"
    assignments = dict(prepared.plan.assignments)
    assignments[f"{module}.bias"] = replace(assignments[f"{module}.bias"], source=None)
    plan = replace(prepared.plan, assignments=assignments)
    pairs = [pair for pair in bench.pairing.pairs if pair.target != module]
    assert dict(explain_uncompared(plan, paths[1], pairs))[module] is None


def test_a_tensor_that_is_used_twice_and_saved_once_is_in_the_module_that_uses_it():
    rule = Rule("decoder.{embed|fc}.weight", "decoder.model.{embed|fc}.weight")
    names = ("decoder.embed.weight", "decoder.model.embed.weight")
    table = Table(
        name="tied", rows=(rule, Tie("decoder.out", names[0], "decoder.head", names[1], "shared"))
    )
    sources = of_shape("decoder.embed.weight", "decoder.fc.weight")
    targets = of_shape("decoder.model.embed.weight", "decoder.model.fc.weight", "decoder.head")
    plan = make_plan(table, sources, targets)
    paths = (
        ("decoder", "decoder.embed", "decoder.fc"),
        (*("decoder", "decoder.model", "decoder.model.embed", "decoder.model.fc"),),
    )
    layouts = (Layout("decoder", "B S", "B S"), Layout("decoder.model.{embed|fc}", "B S", "B S"))
    pairs = pairs_of(plan, paths, layouts)
    assert as_dict(pairs) == {
        "decoder": "decoder",
        "decoder.model.embed": "decoder.embed",
        "decoder.model.fc": "decoder.fc",
    }


def test_a_head_whose_tensor_stands_in_another_module_is_excused_where_that_is_compared():
    rule = Rule("decoder.embed.weight", "decoder.model.embed.weight")
    tie = Tie("decoder.out", rule.source, "decoder.head.weight", rule.target, "shared")
    targets = of_shape("decoder.model.embed.weight", "decoder.head.weight")
    plan = make_plan(Table(name="tied", rows=(rule, tie)), of_shape(rule.source), targets)
    whole = Pair(target="decoder", source="decoder", layout=Layout("decoder", "B S", "B S"))
    reasons = dict(explain_uncompared(plan, ["decoder.head"], [whole]))
    assert "fairseq keeps its parameters in `decoder`" in reasons["decoder.head"].because
    assert dict(explain_uncompared(plan, ["decoder.head"], []))["decoder.head"] is None


def of_shape(*names):
    return {name: TensorSpec(name=name, dtype="float32", shape=(4, 4)) for name in names}


def test_a_module_with_a_part_of_a_tensor_has_no_counterpart_and_the_one_around_all_parts_has():
    source = nn.ModuleDict({"fused": nn.Linear(2, 6)})
    target = nn.ModuleDict({"all": nn.ModuleDict({name: nn.Linear(2, 2) for name in "qkv"})})
    specs = [
        {
            n: TensorSpec(name=n, dtype="float32", shape=tuple(t.shape))
            for n, t in m.state_dict().items()
        }
        for m in (source, target)
    ]
    rule = Rule("fused.{weight|bias}", tuple(f"all.{n}.{{weight|bias}}" for n in "qkv"), Split(3))
    plan = make_plan(Table(name="rules", rows=(rule,)), *specs)
    assert match_modules(plan, ["fused"], ["all", "all.q", "all.k", "all.v"]) == {"all": "fused"}


def test_a_module_in_two_places_has_a_path_for_each_where_every_one_is_asked_for():
    part = nn.Linear(1, 1)
    model = nn.Sequential(part, part)
    assert (module_paths(model), module_paths(model, every=True)) == (("0",), ("0", "1"))
