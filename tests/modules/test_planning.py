"""What the rules make of one model's tensors, and what of the other's they do not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from toolkit import BadInput, BrokenRule, carry_weights, compare_modules
from toolkit.mapping import Drop, Rule, Split, Transpose

X = torch.randn(3, 4, generator=torch.Generator().manual_seed(1))
SAME = {"{i}.{weight|bias}": "{i}.{weight|bias}"}


def two(make) -> tuple[nn.Module, nn.Module]:
    source, target = make(), make()
    carry_weights(source, target, SAME)
    return source, target


def stack() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 4))


def test_a_mapping_file_gives_the_rules(tmp_path):
    source, target = two(stack)
    file = tmp_path / "mapping.yaml"
    file.write_text(
        "rules:\n- {source: '{i}.{weight|bias}', target: '{i}.{weight|bias}'}\n", encoding="utf-8"
    )
    assert compare_modules(source, target, inputs=X, rules=file).verdict == "match"


def test_a_mapping_file_that_renames_is_refused(tmp_path):
    file = tmp_path / "mapping.yaml"
    file.write_text("rename:\n- {from: 'a.', to: 'b.'}\n", encoding="utf-8")
    with pytest.raises(BadInput, match="must have no section `rename`"):
        compare_modules(stack(), stack(), inputs=X, rules=file)


@pytest.mark.parametrize("rules", [5, "mapping.yaml"])
def test_what_is_no_rule_is_bad_input(rules):
    with pytest.raises(BadInput, match="`rules` must be rows, a mapping"):
        compare_modules(stack(), stack(), inputs=X, rules=rules)


def test_a_missing_mapping_file_is_bad_input():
    with pytest.raises(BadInput, match="must be a mapping file"):
        compare_modules(stack(), stack(), inputs=X, rules=Path("nowhere.yaml"))


def test_a_source_tensor_without_a_rule_is_named():
    with pytest.raises(BrokenRule, match=r"`2.weight` matches no rule of `rules`"):
        compare_modules(stack(), stack(), inputs=X, rules={"0.{weight|bias}": "0.{weight|bias}"})


def test_what_cannot_be_split_evenly_is_named_with_its_shape():
    rules = {"0.{weight|bias}": tuple(f"{n}.{{weight|bias}}" for n in range(5))}
    with pytest.raises(BadInput, match=r"split into 5 into 5 tensors, but has \(6, 4\)"):
        compare_modules(nn.Sequential(nn.Linear(4, 6)), stack(), inputs=X, rules=rules)


def test_a_rule_may_transpose():
    class Turned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(4, 6))

        def forward(self, x):
            return x @ self.weight

    source, target = nn.Sequential(nn.Linear(4, 6, bias=False)), nn.Sequential(Turned())
    rules = [Rule("0.weight", "0.weight", Transpose())]
    carry_weights(source, target, rules)
    assert compare_modules(source, target, inputs=X, rules=rules).verdict == "match"


def test_a_tensor_that_both_sides_hold_twice_needs_one_rule():
    def tied() -> nn.Module:
        model = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
        model[1].weight = model[0].weight
        return model

    source, target = tied(), tied()
    rules = {"0.weight": "0.weight"}
    carry_weights(source, target, rules)
    assert compare_modules(source, target, inputs=X, rules=rules).verdict == "match"
    target[1].weight = nn.Parameter(target[1].weight.detach() * 2)
    (finding,) = compare_modules(source, target, inputs=X, rules=rules).findings
    assert finding.hypothesis.name == "tie_broken"


def test_a_tensor_that_is_left_out_is_named_with_its_reason():
    source, target = two(stack)
    target.register_buffer("extra", torch.ones(2))
    (finding,) = compare_modules(source, target, inputs=X, rules=SAME).findings
    assert finding.summary == "no rule fills `extra` of the target"
    left_out = {"extra": "a mark"}
    result = compare_modules(source, target, inputs=X, rules=SAME, leave_out=left_out)
    assert result.verdict == "match"


def test_what_is_left_out_must_be_there():
    source, target = two(stack)
    with pytest.raises(BadInput, match="`nothing` must be a module or a tensor"):
        compare_modules(source, target, inputs=X, rules=SAME, leave_out={"nothing": "why"})


def test_tensors_without_values_are_bad_input():
    with pytest.raises(BadInput, match="lies on the device `meta`"):
        compare_modules(stack(), stack().to("meta"), inputs=X, rules=SAME)


def test_weights_are_carried_into_the_parts_of_a_matrix():
    source = nn.Sequential(nn.Linear(4, 6))
    target = nn.ModuleDict({name: nn.Linear(4, 2) for name in "abc"})
    rows = [Rule("0.{weight|bias}", tuple(f"{n}.{{weight|bias}}" for n in "abc"), Split(3))]
    carry_weights(source, target, rows)
    assert target["b"].weight.equal(source[0].weight[2:4])


def test_weights_that_have_no_place_are_named_and_none_is_written():
    source, target = stack(), nn.Sequential(nn.Linear(4, 6))
    before = target[0].weight.clone()
    with pytest.raises(BadInput, match=r"must have `2.weight` of shape \(4, 6\)"):
        carry_weights(source, target, SAME)
    assert target[0].weight.equal(before)


def test_a_source_tensor_may_be_dropped_with_a_reason():
    source, target = stack(), stack()
    source.register_buffer("version", torch.ones(1))
    rows = [Rule(*next(iter(SAME.items()))), Drop("version", "a mark")]
    carry_weights(source, target, rows)
    result = compare_modules(source, target, inputs=X, rules=rows)
    assert result.verdict == "match"
    assert result.coverage.source_dropped[0].because == "a mark"
