from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from toolkit.checkpoint import open_checkpoint
from toolkit.core.errors import BadInput
from toolkit.core.spec import TensorSpec
from toolkit.folder.weights import FILE_NAME, check_ties, target_tensor, write_weights
from toolkit.mapping import Fill, Identity, Rule, SplitWeightNorm, Table, Tie, Zeros, make_plan

TIE = Tie("out", "embed", "head.weight", "embed.weight", "they are shared")
ROWS = (
    Rule("embed", "embed.weight"),
    TIE,
    Rule("conv", ("conv.g", "conv.v"), SplitWeightNorm()),
    Fill("proj.weight", Identity(), "there is none"),
    Fill("proj.bias", Zeros(), "there is none"),
)
TARGETS = {
    "embed.weight": (5, 3),
    "head.weight": (5, 3),
    "conv.g": (1, 1, 4),
    "conv.v": (3, 2, 4),
    "proj.weight": (3, 3),
    "proj.bias": (3,),
}


@pytest.fixture
def sample(tmp_path):
    """A small checkpoint and its plan."""

    def make(*, dtype=torch.float32, rows=ROWS, targets=TARGETS, **changes):
        torch.manual_seed(0)
        embed = torch.randn(5, 3, dtype=dtype)
        tensors = {"embed": embed, "out": embed, "conv": torch.randn(3, 2, 4, dtype=dtype)}
        torch.save({"model": {**tensors, **changes}, "args": {}}, tmp_path / "model.pt")
        checkpoint = open_checkpoint(tmp_path / "model.pt")
        specs = {n: TensorSpec(name=n, dtype="float32", shape=s) for n, s in targets.items()}
        return make_plan(Table(name="t", rows=rows), checkpoint.tensors, specs), checkpoint

    return make


# The golden checkpoint


def test_every_tensor_of_the_folder_is_bit_equal_to_its_source(prepared, converted):
    written = load_file(converted / FILE_NAME)
    sources = prepared.checkpoint.state_dict()
    assert written.keys() == prepared.plan.assignments.keys()
    for target, assignment in prepared.plan.assignments.items():
        expected = sources[assignment.source]
        assert written[target].dtype == expected.dtype
        assert torch.equal(written[target].view(torch.int32), expected.view(torch.int32)), target


def test_a_tied_twin_is_not_written_and_returns_on_loading(converted, target):
    assert "decoder.lm_head.weight" not in load_file(converted / FILE_NAME)
    state = target.model.state_dict()
    assert torch.equal(
        state["decoder.lm_head.weight"], state["decoder.model.decoder.embed_tokens.weight"]
    )


def test_the_file_says_that_it_is_of_torch(converted):
    with safe_open(converted / FILE_NAME, framework="pt") as file:
        assert file.metadata() == {"format": "pt"}


def test_writing_twice_gives_the_same_bytes(prepared, converted, tmp_path):
    write_weights(prepared.plan, prepared.checkpoint, tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == (converted / FILE_NAME).read_bytes()


# Operations


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_filled_tensors_change_nothing_and_have_the_dtype_of_the_rest(sample, tmp_path, dtype):
    plan, checkpoint = sample(dtype=dtype)
    write_weights(plan, checkpoint, tmp_path)
    written = load_file(tmp_path / FILE_NAME)
    assert torch.equal(written["proj.weight"], torch.eye(3, dtype=dtype))
    assert torch.equal(written["proj.bias"], torch.zeros(3, dtype=dtype))
    assert {tensor.dtype for tensor in written.values()} == {dtype}


def test_both_outputs_of_a_splitting_op_are_written(sample):
    plan, checkpoint = sample()
    gain, direction = (
        target_tensor(plan.assignments[name], plan, checkpoint) for name in ("conv.g", "conv.v")
    )
    source = checkpoint.load("conv")
    torch.testing.assert_close(SplitWeightNorm().invert((gain, direction)), source)
    assert gain.is_contiguous()


def test_a_view_of_a_larger_storage_is_written_alone(sample, tmp_path):
    large = torch.randn(4, 2, 3)
    plan, checkpoint = sample(conv=large.permute(2, 1, 0))
    write_weights(plan, checkpoint, tmp_path)
    assert torch.equal(load_file(tmp_path / FILE_NAME)["conv.v"], large.permute(2, 1, 0))


# Ties


def test_tied_sources_with_equal_values_are_no_error_even_as_two_tensors(sample):
    plan, checkpoint = sample()
    check_ties(plan, checkpoint)
    plan, checkpoint = sample(out=checkpoint.load("embed").clone())
    check_ties(plan, checkpoint)


def test_tied_sources_that_differ_are_refused_by_both_names(sample, tmp_path):
    plan, checkpoint = sample(out=torch.zeros(5, 3))
    with pytest.raises(BadInput, match=r"`out` and `embed` must hold equal values, .*Untie them"):
        write_weights(plan, checkpoint, tmp_path)
    assert not (tmp_path / FILE_NAME).exists()


def test_all_tied_sources_that_differ_stand_in_one_error(sample):
    second = Tie("conv2", "conv", "conv.w", "conv.v", "they are shared")
    plan, checkpoint = sample(
        out=torch.zeros(5, 3),
        conv2=torch.zeros(3, 2, 4),
        rows=(*ROWS, second),
        targets={**TARGETS, "conv.w": (3, 2, 4)},
    )
    with pytest.raises(BadInput, match="`out` and `embed`, `conv2` and `conv` must hold equal"):
        check_ties(plan, checkpoint)


def test_a_single_changed_value_breaks_a_tie(sample):
    plan, checkpoint = sample()
    changed = checkpoint.load("embed")
    changed[4, 2] = changed[4, 2].nextafter(torch.tensor(9.0))
    plan, checkpoint = sample(out=changed)
    with pytest.raises(BadInput, match="must hold equal values"):
        check_ties(plan, checkpoint)


def test_a_twin_that_the_checkpoint_leaves_out_is_tied(sample):
    plan, checkpoint = sample()
    sources = {name: spec for name, spec in plan.sources.items() if name != "out"}
    check_ties(replace(plan, sources=sources), checkpoint)


def test_a_disk_that_refuses_is_the_users_matter(sample, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", refuse)
    plan, checkpoint = sample()
    with pytest.raises(BadInput, match=r"must be written whole, but .*No space left on device"):
        write_weights(plan, checkpoint, tmp_path)
