import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from toolkit.oracle.hooks import bind, call_again, flatten, recording, shape_alone
from toolkit.oracle.shelf import Shelf, keep_all


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(4)
        self.blocks = nn.ModuleList([nn.Linear(4, 4), nn.ReLU()])

    def forward(self, values, factor=1.0, *, shift=None, **more):
        normed = self.norm(values)
        values.zero_()
        for block in self.blocks:
            normed = block(normed)
        outputs = {"scaled": normed * factor, "nest": [(normed,), shift], "count": len(more)}
        normed.fill_(7.0)
        return outputs


def hook_count(model):
    return sum(
        len(hooks)
        for module in model.modules()
        for hooks in (module._forward_hooks, module._forward_pre_hooks)
    )


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Scaled()


def test_every_call_of_every_module_is_recorded_under_its_path(model):
    with recording(model) as calls:
        model(torch.randn(2, 4))
        model(torch.randn(2, 4))
    assert calls.keys() == {"", "norm", "blocks.0", "blocks.1"}
    assert {len(made) for made in calls.values()} == {2}


def test_arguments_are_recorded_by_name_however_they_were_passed(model):
    shift = torch.ones(1)
    with torch.no_grad(), recording(model) as calls:
        model(torch.randn(2, 4), 2.0, shift=shift, extra="word", mask=torch.zeros(1))
    arguments = calls[""][0].arguments
    assert list(arguments) == ["values", "factor", "shift", "extra", "mask"]
    assert (arguments["factor"], arguments["extra"]) == (2.0, "word")
    assert list(calls[""][0].inputs) == ["values", "shift", "mask"]


def test_a_default_that_was_not_passed_is_not_recorded(model):
    with recording(model) as calls:
        model(torch.randn(2, 4))
    assert list(calls[""][0].arguments) == ["values"]


def test_in_place_changes_after_a_call_do_not_show(model):
    values = torch.randn(2, 4)
    before = values.clone()
    with torch.no_grad(), recording(model) as calls:
        model(values)
    assert values.eq(0).all()
    assert calls["norm"][0].arguments["input"].equal(before)
    assert calls[""][0].arguments["values"].equal(before)
    assert not calls["blocks.1"][0].outputs[""].eq(7.0).any()


def test_outputs_are_flattened_with_their_paths_and_detached(model):
    with recording(model) as calls:
        model(torch.randn(2, 4), shift=torch.ones(1))
    outputs = calls[""][0].outputs
    assert list(outputs) == ["scaled"]
    assert not any(tensor.requires_grad for tensor in outputs.values())


def test_of_what_is_returned_beside_the_first_tensor_masks_alone_are_kept():
    class Attention(torch.nn.Module):
        def forward(self, values):
            maps = values @ values.T
            return {"values": values + 1, "beside": [maps, maps > 0]}

    module = Attention()
    with recording(module) as calls:
        module(torch.ones(3, 2))
    assert list(calls[""][0].outputs) == ["values", "beside.1"]


def test_no_hook_is_left_after_the_context(model):
    with recording(model):
        assert hook_count(model) == 2 * len(list(model.modules()))
    assert hook_count(model) == 0


def test_no_hook_is_left_when_the_body_raises(model):
    with pytest.raises(ZeroDivisionError), recording(model):
        raise ZeroDivisionError
    assert hook_count(model) == 0


def test_no_hook_is_left_when_a_module_raises_and_its_call_is_not_recorded(model):
    with recording(model) as calls, pytest.raises(RuntimeError):
        model(torch.randn(2, 5))
    assert hook_count(model) == 0
    assert calls == {}


def test_a_call_inside_a_call_of_the_same_module_keeps_its_own_arguments():
    class Recursive(nn.Module):
        def forward(self, values, depth):
            return self(values + 1, depth - 1) if depth else values

    model = Recursive()
    with recording(model) as calls:
        model(torch.zeros(1), 2)
    assert [call.arguments["depth"] for call in calls[""]] == [0, 1, 2]


def test_recording_changes_no_output(reference, run):
    recorded = reference.forward([run.source], [run.prefix]).logits
    with torch.no_grad():
        bare, _ = reference.model(
            run.source.unsqueeze(0),
            torch.tensor([run.source.numel()]),
            torch.tensor([run.prefix]),
        )
    assert recorded.equal(bare)


def test_both_real_models_have_the_hooks_that_they_had_before_a_pass(reference, target, run):
    for side in (reference, target):
        before = hook_count(side.model)  # torch's weight norm is a hook of its own
        side.forward([run.source], [run.prefix], explicit=True)
        assert hook_count(side.model) == before


def test_bind_names_positional_arguments_by_the_forward_signature():
    assert list(bind(nn.Bilinear(1, 1, 1), ("left",), {"input2": "right"})) == ["input1", "input2"]


class Listed(nn.Module):
    """Takes any number of tensors behind the first."""

    def forward(self, first, *rest, scale=1.0):
        return (first + sum(rest)) * scale


def test_a_call_with_any_number_of_arguments_is_made_again_as_it_was():
    model, x = Listed(), torch.ones(2)
    with recording(model) as calls:
        output = model(x, x * 2, x * 3, scale=2.0)
    (call,) = calls[""]
    assert list(call.arguments) == ["first", "rest.0", "rest.1", "scale"]
    again = call_again(model, call.arguments)
    assert isinstance(again, torch.Tensor)
    assert again.equal(output)


def nests():
    leaves = st.one_of(st.builds(torch.tensor, st.integers(-9, 9)), st.none(), st.text(max_size=2))
    keys = st.text("abc", min_size=1, max_size=2)
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.lists(inner, max_size=3).map(tuple),
            st.dictionaries(keys, inner, max_size=3),
        ),
        max_leaves=8,
    )


def follow(nest, path):
    for key in path.split(".") if path else []:
        nest = nest[key] if isinstance(nest, dict) else nest[int(key)]
    return nest


def leaves(nest):
    if isinstance(nest, torch.Tensor):
        return [nest]
    items = nest.values() if isinstance(nest, dict) else nest if not isinstance(nest, str) else ()
    return [leaf for item in items or () for leaf in leaves(item)]


@given(nests())
def test_every_flattened_path_leads_back_to_its_tensor_and_none_is_lost(nest):
    found = flatten(nest)
    assert all(follow(nest, path) is tensor for path, tensor in found.items())
    assert len(found) == len(leaves(nest))


@given(nests())
def test_a_copied_nest_has_the_same_shape_and_shares_no_tensor(nest):
    copy = flatten(keep_all(Shelf(), nest))
    original = flatten(nest)
    assert list(copy) == list(original)
    assert all(copy[path].equal(tensor) for path, tensor in original.items())
    assert not any(copy[path] is tensor for path, tensor in original.items())


def test_only_the_modules_that_are_asked_for_are_recorded(model):
    with recording(model, only={"norm", "blocks.1", "no.such"}) as calls:
        assert hook_count(model) == 4
        model(torch.randn(2, 4))
    assert calls.keys() == {"norm", "blocks.1"}
    assert hook_count(model) == 0


def test_recording_nothing_leaves_no_call(model):
    with recording(model, only=()) as calls:
        model(torch.randn(2, 4))
    assert calls == {}


def test_what_is_kept_of_arguments_and_outputs_is_as_somebody_else_says(model):
    def made(path, outputs):
        return {key: shape_alone(tensor) for key, tensor in outputs.items()} if path else None

    inputs = torch.randn(2, 4)
    with torch.no_grad(), recording(model, given=shape_alone, made=made) as calls:
        outputs = model(inputs)
    given = calls[""][0].inputs
    assert [(tensor.shape, tensor.is_meta) for tensor in given.values()] == [((2, 4), True)]
    assert torch.equal(calls[""][0].outputs["scaled"], outputs["scaled"])
    assert [tensor.is_meta for tensor in calls["norm"][0].outputs.values()] == [True]
