import json
import os
import shutil
from dataclasses import replace

import pytest
import torch
from huggingface_hub import split_torch_state_dict_into_shards
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSpeechSeq2Seq

from toolkit.checkpoint import open_checkpoint
from toolkit.core.errors import BadInput
from toolkit.core.spec import TensorSpec
from toolkit.folder.digest import digest_files
from toolkit.folder.shards import FILE_NAME, INDEX_NAME
from toolkit.folder.weights import check_ties, num_bytes_written, target_tensor, write_weights
from toolkit.mapping import (
    Drop,
    Fill,
    Identity,
    Pick,
    Rule,
    SplitWeightNorm,
    Table,
    Tie,
    Zeros,
    make_plan,
)

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


@pytest.mark.parametrize("max_shard_bytes", [10, 1 << 30])
def test_files_are_hashed_while_they_are_written(sample, tmp_path, max_shard_bytes):
    plan, checkpoint = sample()
    digests = {}
    write_weights(plan, checkpoint, tmp_path, max_shard_bytes=max_shard_bytes, digests=digests)
    files = {file.name: file for file in tmp_path.glob("*.safetensors")}
    assert digests == digest_files(files)
    assert len(files) == (5 if max_shard_bytes == 10 else 1)


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
        target_tensor(plan.assignments[name], plan, checkpoint.load)
        for name in ("conv.g", "conv.v")
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


def test_two_copies_whose_zeros_differ_in_sign_are_tied(sample):
    plan, checkpoint = sample(embed=torch.zeros(5, 3), out=-torch.zeros(5, 3))
    check_ties(plan, checkpoint)


def test_copies_that_are_laid_out_otherwise_are_compared_by_value(sample):
    embed = torch.randn(3, 5).T
    plan, checkpoint = sample(embed=embed, out=embed.contiguous())
    check_ties(plan, checkpoint)
    plan, checkpoint = sample(embed=embed, out=embed.contiguous() + 1)
    with pytest.raises(BadInput, match="must hold equal values"):
        check_ties(plan, checkpoint)


def test_copies_of_other_shape_are_no_twins(sample):
    plan, checkpoint = sample(out=torch.zeros(5, 3))
    sources = {**checkpoint.tensors, "out": replace(checkpoint.tensors["out"], shape=(3, 5))}
    with pytest.raises(BadInput, match="must hold equal values"):
        check_ties(plan, replace(checkpoint, tensors=sources))


# Bit for bit what the in-memory path writes


def in_memory(plan, checkpoint, file):
    tensors = {a.target: target_tensor(a, plan, checkpoint.load) for a in plan.assignments.values()}
    save_file(tensors, file, metadata={"format": "pt"})
    return file.read_bytes()


SOURCES = {
    "float32": {},
    "float16": {"dtype": torch.float16},
    "bfloat16": {"dtype": torch.bfloat16},
    "float64": {"dtype": torch.float64},
    "strided": {"embed": torch.randn(3, 5).T, "out": torch.randn(5, 3)},
    "part of a larger storage": {"conv": torch.randn(9, 2, 4)[3:6]},
    "every other row": {"conv": torch.randn(6, 2, 4)[::2]},
    "expanded": {"conv": torch.randn(3, 1, 4).expand(3, 2, 4)},
    "special values": {
        "conv": torch.tensor([float("nan"), float("inf"), -0.0, 1e-45] * 6).view(3, 2, 4)
    },
}


STACKS = {
    "float32": torch.randn(3, 2, 4),
    "truths": torch.randn(3, 2, 4) > 0,
    "part of a larger storage": torch.randn(9, 2, 4)[3:6],
    "every other row": torch.randn(6, 2, 4)[::2],
    "transposed": torch.randn(4, 2, 3).permute(2, 1, 0),
}


@pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)
@pytest.mark.parametrize("row", [0, 2])
def test_a_row_of_a_stack_is_what_the_in_memory_path_writes(sample, tmp_path, stack, row):
    rows = [Rule("stack", "row", Pick(row)), Drop("embed", "of others"), Drop("out", "of others")]
    rows = (*rows, Drop("conv", "of others"))
    plan, checkpoint = sample(rows=rows, targets={"row": (2, 4)}, stack=stack)
    write_weights(plan, checkpoint, tmp_path)
    assert load_file(tmp_path / FILE_NAME)["row"].equal(stack[row])
    expected = in_memory(plan, checkpoint, tmp_path / "expected.safetensors")
    assert (tmp_path / FILE_NAME).read_bytes() == expected


def test_a_row_of_a_stack_is_rounded_to_another_dtype_and_never_read_whole(
    sample, tmp_path, monkeypatch
):
    rows = [Drop(name, "of others") for name in ("embed", "out", "conv")]
    stack = torch.randn(3, 2, 4)
    plan, checkpoint = sample(
        rows=(Rule("stack", "row", Pick(1)), *rows), targets={"row": (2, 4)}, stack=stack
    )
    monkeypatch.setattr(type(checkpoint), "load", None)
    write_weights(plan, checkpoint.as_dtype("float16"), tmp_path)
    assert load_file(tmp_path / FILE_NAME)["row"].equal(stack[1].half())


@pytest.mark.parametrize("changes", SOURCES.values(), ids=SOURCES)
def test_the_file_is_what_the_in_memory_path_writes(sample, tmp_path, changes):
    rows = [row for row in ROWS if not isinstance(row, Tie)]
    rows = [*rows, Drop("out", "not needed")]
    targets = {name: shape for name, shape in TARGETS.items() if name != "head.weight"}
    plan, checkpoint = sample(rows=tuple(rows), targets=targets, **changes)
    write_weights(plan, checkpoint, tmp_path)
    expected = in_memory(plan, checkpoint, tmp_path / "expected.safetensors")
    assert (tmp_path / FILE_NAME).read_bytes() == expected


def test_all_dtypes_in_one_file_are_written_in_the_same_order(tmp_path):
    kinds = [
        "float64",
        "float32",
        "float16",
        "bfloat16",
        "int64",
        "int32",
        "int16",
        "int8",
        "uint8",
        "bool",
    ]
    tensors = {
        f"{letter}{i}": (torch.arange(6).reshape(2, 3) % 2).to(getattr(torch, kind))
        for i, kind in enumerate(kinds)
        for letter in "ba\u00e9"
    } | {"scalar": torch.tensor(3.5), "empty": torch.zeros(0, 4), "\u6f22": torch.ones(1)}
    torch.save({"model": tensors, "args": {}}, tmp_path / "model.pt")
    checkpoint = open_checkpoint(tmp_path / "model.pt")
    rows = tuple(Rule(name, name) for name in tensors)
    plan = make_plan(Table(name="t", rows=rows), checkpoint.tensors, checkpoint.tensors)
    write_weights(plan, checkpoint, tmp_path)
    expected = in_memory(plan, checkpoint, tmp_path / "expected.safetensors")
    assert (tmp_path / FILE_NAME).read_bytes() == expected
    assert torch.equal(load_file(tmp_path / FILE_NAME)["b9"], tensors["b9"])


def test_the_golden_file_is_what_the_in_memory_path_writes(prepared, converted, tmp_path):
    expected = in_memory(prepared.plan, prepared.checkpoint, tmp_path / "expected.safetensors")
    assert (converted / FILE_NAME).read_bytes() == expected


def test_a_legacy_checkpoint_gives_the_same_file(prepared, converted, tmp_path):
    state = torch.load(prepared.checkpoint.path, weights_only=False)
    torch.save(state, tmp_path / "model.pt", _use_new_zipfile_serialization=False)
    write_weights(prepared.plan, open_checkpoint(tmp_path / "model.pt"), tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == (converted / FILE_NAME).read_bytes()


def test_what_no_operation_changes_is_never_read_into_memory(prepared, tmp_path, monkeypatch):
    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr(type(prepared.checkpoint), "load", refuse)
    write_weights(prepared.plan, prepared.checkpoint, tmp_path)


def test_every_byte_is_reported(prepared, tmp_path):
    heard = []
    write_weights(prepared.plan, prepared.checkpoint, tmp_path, copied=heard.append)
    assert sum(heard) == (tmp_path / FILE_NAME).stat().st_size
    header = int.from_bytes((tmp_path / FILE_NAME).read_bytes()[:8], "little") + 8
    assert num_bytes_written(prepared.plan, prepared.checkpoint) == sum(heard) - header


def test_who_listens_can_end_the_writing(prepared, tmp_path):
    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_weights(prepared.plan, prepared.checkpoint, tmp_path, copied=stop)
    assert list(tmp_path.iterdir()) == []


# Shards


@pytest.mark.parametrize("max_shard_bytes", [1_000, 100_000, 400_000, 10**9])
def test_shards_and_index_are_those_of_huggingface_hub(prepared, tmp_path, max_shard_bytes):
    plan, checkpoint = prepared.plan, prepared.checkpoint
    write_weights(plan, checkpoint, tmp_path, max_shard_bytes=max_shard_bytes)
    tensors = {a.target: target_tensor(a, plan, checkpoint.load) for a in plan.assignments.values()}
    split = split_torch_state_dict_into_shards(tensors, max_shard_size=max_shard_bytes)
    names = {file.name for file in tmp_path.glob("*.safetensors")}
    assert names == split.filename_to_tensors.keys()
    for name, members in split.filename_to_tensors.items():
        save_file({m: tensors[m] for m in members}, tmp_path / "expected", {"format": "pt"})
        assert (tmp_path / name).read_bytes() == (tmp_path / "expected").read_bytes()
    assert (tmp_path / INDEX_NAME).exists() == split.is_sharded
    if split.is_sharded:
        index = json.loads((tmp_path / INDEX_NAME).read_text())
        assert index == {"metadata": split.metadata, "weight_map": split.tensor_to_filename}


def test_transformers_loads_shards_as_it_loads_one_file(prepared, converted, target, tmp_path):
    folder = shutil.copytree(converted, tmp_path / "hf")
    (folder / FILE_NAME).unlink()
    write_weights(prepared.plan, prepared.checkpoint, folder, max_shard_bytes=300_000)
    loaded, info = AutoModelForSpeechSeq2Seq.from_pretrained(folder, output_loading_info=True)
    assert not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    expected = target.model.state_dict()
    assert all(torch.equal(t, expected[n]) for n, t in loaded.state_dict().items())


# Another dtype


@pytest.mark.parametrize("source", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_floating_tensors_are_rounded_and_others_are_kept(sample, tmp_path, source, dtype):
    plan, checkpoint = sample(dtype=getattr(torch, source))
    rounded = checkpoint.as_dtype(dtype)
    plan = make_plan(Table(name="t", rows=ROWS), rounded.tensors, plan.targets)
    write_weights(plan, rounded, tmp_path)
    expected = in_memory(plan, rounded, tmp_path / "expected.safetensors")
    assert (tmp_path / FILE_NAME).read_bytes() == expected
    written = load_file(tmp_path / FILE_NAME)
    assert {tensor.dtype for tensor in written.values()} == {getattr(torch, dtype)}
    values = checkpoint.load("embed").to(getattr(torch, dtype))
    assert torch.equal(written["embed.weight"], values)


def test_a_value_beyond_the_dtype_is_refused_by_name(sample, tmp_path):
    large = torch.full((5, 3), 1e5)
    plan, checkpoint = sample(embed=large, out=large)
    rounded = checkpoint.as_dtype("float16")
    plan = make_plan(Table(name="t", rows=ROWS), rounded.tensors, plan.targets)
    with pytest.raises(BadInput, match=r"`embed.weight` .* float16 can express, .* 100000"):
        write_weights(plan, rounded, tmp_path)
    write_weights(plan, checkpoint.as_dtype("bfloat16"), tmp_path)


# What goes wrong


def test_a_disk_that_refuses_is_the_users_matter(sample, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(28, "No space left on device")

    plan, checkpoint = sample()
    monkeypatch.setattr("os.copy_file_range", refuse)
    with pytest.raises(BadInput, match=r"must be written whole, but No space left on device"):
        write_weights(plan, checkpoint, tmp_path)
    assert not (tmp_path / FILE_NAME).exists()


@pytest.mark.parametrize("change", ["longer", "shorter", "touched", "replaced"])
def test_a_source_that_changes_while_it_is_read_is_noticed(sample, tmp_path, change):
    plan, checkpoint = sample(conv=torch.randn(3, 2, 4))
    path, size = checkpoint.path, checkpoint.path.stat().st_size

    def disturb(_):
        if change == "replaced":
            path.rename(path.with_name("old"))
            path.write_bytes(path.with_name("old").read_bytes())
            os.utime(path.with_name("old"))
        elif change == "touched":
            os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
        else:
            os.truncate(path, size + 1 if change == "longer" else size // 2)

    with pytest.raises(BadInput, match="changed"):
        write_weights(plan, checkpoint, tmp_path, copied=disturb)


def test_a_source_that_changed_before_is_noticed(sample, tmp_path):
    plan, checkpoint = sample()
    os.utime(checkpoint.path, ns=(0, 0))
    with pytest.raises(BadInput, match="must stay as it was"):
        write_weights(plan, checkpoint, tmp_path)
    assert not (tmp_path / FILE_NAME).exists()
