import argparse
import contextlib
import hashlib
import os
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.checkpoint import TensorLocation, open_checkpoint
from toolkit.core.errors import BadInput
from toolkit.core.spec import ITEM_BYTES, TensorSpec

from .samples import pickle_of, replace_entry, save, write_zip

BOTH = pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.pt"


def storage_of(tensor):
    return tensor.untyped_storage().data_ptr()


# Values


@BOTH
@pytest.mark.parametrize("dtype", sorted(ITEM_BYTES))
def test_every_dtype_comes_back_bit_for_bit(path, legacy, dtype):
    values = torch.tensor([0, 1, 1, 100]).to(getattr(torch, dtype)).reshape(2, 2)
    checkpoint = open_checkpoint(save(path, {"x": values}, legacy=legacy))
    assert checkpoint.tensors == {"x": TensorSpec(name="x", dtype=dtype, shape=(2, 2))}
    for loaded in (checkpoint.load("x"), checkpoint.state_dict()["x"]):
        assert loaded.dtype == values.dtype
        assert torch.equal(loaded, values)


BASE = torch.arange(60.0).reshape(3, 4, 5)
VIEWS = {
    "whole": BASE,
    "transposed": BASE.transpose(0, 2),
    "row": BASE[1],
    "column": BASE[:, 1, 2],
    "steps": BASE[::2, ::3, 1::2],
    "unsqueezed": BASE[1:2].permute(0, 2, 1),
    "expanded": BASE[0, 0, :1].expand(3, 7),
    "scalar": BASE[2, 3, 4],
    "empty": BASE[:0],
    "empty_inside": BASE[:, 4:],
    "tail": BASE[2:],
}


@BOTH
@pytest.mark.parametrize("name", VIEWS)
def test_every_view_of_a_storage_comes_back(path, legacy, name):
    checkpoint = open_checkpoint(save(path, dict(VIEWS), legacy=legacy))
    loaded = checkpoint.load(name)
    assert loaded.is_contiguous()
    assert loaded.shape == VIEWS[name].shape
    assert torch.equal(loaded, VIEWS[name])
    assert torch.equal(checkpoint.state_dict()[name], VIEWS[name])


@BOTH
@pytest.mark.parametrize("name", VIEWS)
def test_a_location_spans_the_values_in_the_file(path, legacy, name):
    checkpoint = open_checkpoint(save(path, dict(VIEWS), legacy=legacy))
    place = checkpoint.location(name)
    raw = path.read_bytes()[place.offset_bytes :][: place.num_bytes]
    assert place.contiguous == VIEWS[name].is_contiguous()
    if place.contiguous:
        assert raw == VIEWS[name].numpy().tobytes()
        assert place.num_bytes == checkpoint.tensors[name].num_bytes
    else:
        assert raw.startswith(VIEWS[name].flatten()[:1].numpy().tobytes())


def test_a_strided_tensor_is_read_over_what_it_spans_only(path):
    checkpoint = open_checkpoint(save(path, dict(VIEWS)))
    start = checkpoint.location("whole").offset_bytes
    assert checkpoint.location("column") == TensorLocation(
        offset_bytes=start + 7 * 4, num_bytes=41 * 4, contiguous=False
    )


@BOTH
def test_a_loaded_tensor_is_a_fresh_copy(path, legacy):
    checkpoint = open_checkpoint(save(path, legacy=legacy))
    checkpoint.load("weight").zero_()
    assert torch.equal(checkpoint.load("weight"), torch.arange(6.0).reshape(2, 3))


@BOTH
def test_parameters_are_tensors(path, legacy):
    layer = torch.nn.Linear(3, 2)
    vars(layer.weight)["tag"] = "attribute"
    model = {"weight": layer.weight, "bias": layer.bias}
    loaded = open_checkpoint(save(path, model, legacy=legacy)).state_dict()
    assert torch.equal(loaded["weight"], layer.weight)
    assert torch.equal(loaded["bias"], layer.bias)


def test_a_tensor_with_attributes_is_a_tensor(path):
    values = torch.ones(2)
    vars(values)["note"] = "attribute"
    assert torch.equal(open_checkpoint(save(path, {"x": values})).load("x"), values)


@BOTH
def test_a_module_comes_back_in_file_order(path, legacy):
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)).state_dict()
    checkpoint = open_checkpoint(save(path, model, legacy=legacy))
    assert list(checkpoint.tensors) == list(model)
    for name, loaded in checkpoint.state_dict().items():
        assert torch.equal(loaded, model[name])


@pytest.mark.parametrize("byte", [0, 1, 2, 255])
def test_any_byte_of_a_bool_tensor_becomes_a_bool(path, byte):
    save(path, {"x": torch.zeros(1, dtype=torch.bool)})
    checkpoint = open_checkpoint(replace_entry(path, "/data/0", bytes([byte])))
    assert checkpoint.load("x").view(torch.uint8).item() == (byte != 0)


# Shared values


@BOTH
def test_tied_tensors_are_found_and_share_memory_again(path, legacy):
    tied, other = torch.ones(2, 3), torch.ones(2, 3)
    model = {"a": tied, "b": other, "c": tied, "d": tied.t(), "e": tied[:1]}
    checkpoint = open_checkpoint(save(path, model, legacy=legacy))
    assert checkpoint.aliases() == (("a", "c"),)
    loaded = checkpoint.state_dict()
    assert storage_of(loaded["a"]) == storage_of(loaded["c"]) == storage_of(loaded["d"])
    assert storage_of(loaded["a"]) != storage_of(loaded["b"])


def test_empty_tensors_are_no_aliases(path):
    base = torch.ones(4)
    assert open_checkpoint(save(path, {"a": base[:0], "b": base[:0]})).aliases() == ()


def test_two_views_of_a_size_of_one_are_aliases(path):
    base = torch.ones(1, 4)
    model = {"a": base, "b": base.as_strided((1, 4), (99, 1))}
    assert open_checkpoint(save(path, model)).aliases() == (("a", "b"),)


# What else lies in the file


@BOTH
def test_settings_extras_and_optimizer_state_are_told_apart(path, legacy):
    checkpoint = open_checkpoint(
        save(
            path,
            legacy=legacy,
            args=argparse.Namespace(arch="tiny", lr=[0.1]),
            cfg=None,
            extra_state={"epoch": 3, "ema": torch.ones(2)},
            last_optimizer_state={"state": {0: {"exp_avg": torch.ones(2)}}},
        )
    )
    assert checkpoint.settings == {"args": {"arch": "tiny", "lr": [0.1]}, "cfg": None}
    assert checkpoint.extras == {"extra_state": {"epoch": 3, "ema": "<tensor float32 (2,)>"}}
    assert checkpoint.has_optimizer_state


def test_no_optimizer_state_is_said_too(path):
    assert not open_checkpoint(save(path, last_optimizer_state=None)).has_optimizer_state
    assert not open_checkpoint(save(path)).has_optimizer_state


def test_tensors_beside_the_model_may_have_any_dtype(path):
    extras = open_checkpoint(save(path, extra=torch.zeros(2, dtype=torch.complex64))).extras
    assert extras == {"extra": "<tensor complex64 (2,)>"}


def test_entries_of_the_model_that_are_no_tensors_are_listed(path):
    model = {"w": torch.ones(1), "version": 3, "none": None, "sparse": torch.eye(2).to_sparse()}
    checkpoint = open_checkpoint(save(path, model))
    assert (list(checkpoint.tensors), checkpoint.non_tensors) == (
        ["w"],
        ("version", "none", "sparse"),
    )


def test_a_tensor_whose_numbers_are_negated_on_reading_is_no_plain_tensor(path):
    imaginary = torch.tensor([1 + 2j]).conj().imag
    assert imaginary.is_neg()
    model = {"w": torch.ones(1), "x": imaginary}
    assert open_checkpoint(save(path, model)).non_tensors == ("x",)


@BOTH
def test_the_digest_is_that_of_the_file(path, legacy):
    checkpoint = open_checkpoint(save(path, legacy=legacy))
    assert checkpoint.sha256() == hashlib.sha256(path.read_bytes()).hexdigest()
    assert checkpoint.sha256() is checkpoint.sha256()


def test_the_mappings_cannot_be_changed(path):
    checkpoint = open_checkpoint(save(path, args=1))
    for mapping in (checkpoint.tensors, checkpoint.settings, checkpoint.extras):
        with pytest.raises(TypeError):
            mapping["new"] = 1


def test_the_file_is_not_changed(path):
    before = save(path).read_bytes()
    path.chmod(0o444)
    open_checkpoint(path).state_dict()
    assert path.read_bytes() == before


def test_a_checkpoint_is_shown_without_its_content(path):
    assert "weight" not in repr(open_checkpoint(save(path)))


# Refusals


def test_a_missing_file_is_refused(path):
    with pytest.raises(BadInput, match="is no file"):
        open_checkpoint(path)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(BadInput, match="is no file"):
        open_checkpoint(tmp_path)


def test_a_name_that_no_file_can_have_is_refused(path):
    with pytest.raises(BadInput, match="is no file"):
        open_checkpoint(path.with_name("a\0b"))


def test_a_pipe_is_refused_without_waiting_for_it(path):
    os.mkfifo(path)
    with pytest.raises(BadInput, match="is no file"):
        open_checkpoint(path)


def test_a_file_that_cannot_be_opened_is_refused(path, monkeypatch):
    def deny(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    save(path)
    monkeypatch.setattr("os.open", deny)
    with pytest.raises(BadInput, match="Permission denied"):
        open_checkpoint(path)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"state_dict": {"w": torch.ones(1)}, "epoch": 1}, "found `state_dict`, `epoch`"),
        ({"model": {}}, "found `model`"),
        ({"model": {"w": 1}}, "found `model`"),
        ({"model": torch.ones(1)}, "found `model`"),
        ({}, "found nothing"),
        (torch.ones(1), "found a tensor"),
        ([1], "found a value of type list"),
        (argparse.Namespace(model=1), "found an object of `argparse.Namespace`"),
    ],
)
def test_another_checkpoint_is_refused_with_what_it_holds(path, content, found):
    torch.save(content, path)
    with pytest.raises(BadInput, match=f"not a fairseq checkpoint: .*{found}"):
        open_checkpoint(path)


def test_a_tensor_without_a_text_name_is_refused(path):
    with pytest.raises(BadInput, match="name its tensors by text"):
        open_checkpoint(save(path, {1: torch.ones(1)}))


def test_an_unknown_tensor_is_refused_by_name(path):
    checkpoint = open_checkpoint(save(path))
    for ask in (checkpoint.load, checkpoint.location):
        with pytest.raises(BadInput, match="`wait` must be a tensor of"):
            ask("wait")


def test_a_file_that_changed_since_it_was_opened_is_refused(path):
    checkpoint = open_checkpoint(save(path))
    save(path, {"weight": torch.ones(50)})
    for ask in (lambda: checkpoint.load("weight"), checkpoint.state_dict, checkpoint.sha256):
        with pytest.raises(BadInput, match="changed since"):
            ask()


def test_a_file_that_shrinks_without_a_trace_is_refused(path, monkeypatch):
    checkpoint = open_checkpoint(save(path))
    monkeypatch.setattr("toolkit.checkpoint.reader._make_stamp", lambda _: checkpoint._stamp)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(BadInput, match="changed since"):
        checkpoint.load("weight")


HUGE = b"\x8a\x09" + bytes(8) + b"\x01"
LARGE = b"\x8a\x06" + bytes(5) + b"\x01"


@pytest.mark.parametrize(
    ("sizes", "reason"),
    [
        (b"K\x01K\x02K\x03\x86K\x03K\x01\x86", "reaches to element 7 of a storage that has 6"),
        (b"K\x00K\x02K\x04\x86K\x03K\x01\x86", "reaches to element 7"),
        (b"K\x00K\x02K\x03\x86K\x04K\x01\x86", "reaches to element 7"),
        (b"J\xff\xff\xff\xffK\x02K\x03\x86K\x03K\x01\x86", "negative"),
        (b"K\x00J\xff\xff\xff\xffK\x03\x86K\x03K\x01\x86", "negative"),
        (b"K\x05K\x02K\x03\x86J\xff\xff\xff\xffK\x01\x86", "negative"),
        (b"K\x00K\x02\x85K\x03K\x01\x86", "1 sizes and 2 strides"),
        (b"K\x07K\x00\x85K\x01\x85", "reaches to element 7"),
        (b"K\x00J\xff\xff\xff\x7f\x85K\x00\x85", "claims 2147483647 elements"),
        (b"K\x00" + HUGE + b"K\x00\x86K\x01K\x01\x86", "torch cannot hold"),
        (b"K\x00K\x00" + HUGE + b"\x86K\x01K\x01\x86", "torch cannot hold"),
        (b"K\x00K\x01K\x01\x86" + HUGE + b"K\x01\x86", "torch cannot hold"),
        (b"K\x00(K\x00" + LARGE + LARGE + b"tK\x01K\x01K\x01\x87", "torch cannot hold"),
    ],
)
def test_a_tensor_that_does_not_fit_its_storage_is_refused_by_name(path, sizes, reason):
    checkpoint = _with_sizes(path, sizes)
    with pytest.raises(BadInput, match=f"`weight` .*{reason}"):
        open_checkpoint(checkpoint)


def test_a_tensor_of_more_dimensions_than_torch_knows_is_refused(path):
    ones = b"(" + b"K\x01" * 65 + b"t"
    with pytest.raises(BadInput, match="`torch._utils._rebuild_tensor_v2`.* at most 64 numbers"):
        open_checkpoint(_with_sizes(path, b"K\x00" + ones + ones))


def test_a_tensor_with_a_very_long_name_is_refused(path):
    open_checkpoint(save(path, {"x" * 500: torch.ones(1)}))
    with pytest.raises(BadInput, match="a name of 501 characters"):
        open_checkpoint(save(path, {"x" * 501: torch.ones(1)}))


def test_every_bad_tensor_is_named_in_one_error(path):
    values = torch.zeros(1, dtype=torch.complex64)
    with pytest.raises(BadInput, match=r"2 do not: `a` has dtype complex64.*`b` has dtype"):
        open_checkpoint(save(path, {"a": values, "b": values, "c": torch.ones(1)}))


@pytest.mark.parametrize("name", ["", "line\nbreak", "\x1b[31m", "\ud800"])
def test_a_tensor_with_an_unprintable_name_is_refused(path, name):
    with pytest.raises(BadInput, match="cannot be printed") as caught:
        open_checkpoint(save(path, {name: torch.ones(1)}))
    assert str(caught.value).isprintable()


def test_settings_that_double_themselves_are_refused(path):
    bomb = [0]
    for _ in range(60):
        bomb = [bomb, bomb]
    with pytest.raises(BadInput, match="args` must be settings"):
        open_checkpoint(save(path, args=bomb))


def test_an_optimizer_state_is_never_written_out(path):
    bomb = [0]
    for _ in range(60):
        bomb = [bomb, bomb]
    assert open_checkpoint(save(path, last_optimizer_state=bomb)).has_optimizer_state


def test_an_attack_in_a_checkpoint_does_not_run_and_is_seen(path, tmp_path):
    class Attack:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'ran'}",)

    for legacy in (False, True):
        checkpoint = open_checkpoint(save(path, legacy=legacy, args={"x": Attack()}))
        assert checkpoint.settings == {"args": {"x": f"<{os.system.__module__}.system>"}}
    assert not (tmp_path / "ran").exists()


def _with_sizes(path, sizes):
    save(path)
    data = pickle_of(path)
    start = data.index(b"Q") + 1
    end = data.index(b"\x89", start)
    return replace_entry(path, "/data.pkl", data[:start] + sizes + data[end:])


# Any damage at all


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    path = tmp_path_factory.mktemp("sample") / "model.pt"
    model = OrderedDict(w=torch.ones(2, 3), b=torch.zeros(3))
    return save(path, model, args=argparse.Namespace(lr=[0.1], betas=(0.9, 0.98)))


@settings(max_examples=100)
@given(data=st.data())
def test_any_changed_byte_of_the_pickle_is_read_or_refused(sample, tmp_path_factory, data):
    content = bytearray(pickle_of(sample))
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    damaged = tmp_path_factory.getbasetemp() / "damaged.pt"
    storages = [("m/data/0", bytes(24)), ("m/data/1", bytes(12))]
    write_zip(damaged, [("m/data.pkl", bytes(content)), *storages])
    with contextlib.suppress(BadInput):
        open_checkpoint(damaged).state_dict()


@settings(max_examples=60)
@given(data=st.data())
def test_any_truncation_of_a_legacy_file_is_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "cut.pt"
    whole = save(path, legacy=True, args=argparse.Namespace(lr=1)).read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(BadInput):
        open_checkpoint(path)


def test_opening_a_checkpoint_needs_no_torch(path):
    save(path, args=argparse.Namespace(lr=[0.1]))
    code = (
        "import sys, pathlib, toolkit.checkpoint as c\n"
        "c.open_checkpoint(pathlib.Path(sys.argv[1])).sha256()\n"
        "assert not {'torch', 'numpy', 'omegaconf', 'fairseq', 'argparse'} & set(sys.modules)"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code, str(path)], cwd=root, check=True)


@pytest.mark.parametrize("dtype", [torch.uint16, torch.float8_e4m3fn])
def test_a_model_tensor_of_a_new_dtype_is_refused_by_name(path, dtype):
    with pytest.raises(BadInput, match="`x` has dtype"):
        open_checkpoint(save(path, {"x": torch.zeros(2, dtype=dtype)}))


# Mapping


@BOTH
@pytest.mark.parametrize("name", VIEWS)
def test_a_mapped_tensor_is_the_loaded_one(path, legacy, name):
    checkpoint = open_checkpoint(save(path, {name: VIEWS[name]}, legacy=legacy))
    assert checkpoint.mapped(name).equal(checkpoint.load(name))


def test_writing_to_a_mapped_tensor_leaves_the_file_alone(path):
    checkpoint = open_checkpoint(save(path, {"x": BASE.clone()}))
    checkpoint.mapped("x").zero_()
    assert open_checkpoint(path).load("x").equal(BASE)


def test_a_file_that_changed_is_not_mapped(path):
    checkpoint = open_checkpoint(save(path, {"x": BASE.clone()}))
    save(path, {"x": BASE + 1, "y": BASE.clone()})
    with pytest.raises(BadInput, match="changed since"):
        checkpoint.mapped("x")


def test_a_tensor_that_is_not_there_cannot_be_mapped(path):
    with pytest.raises(BadInput, match="`y` must be a tensor"):
        open_checkpoint(save(path, {"x": BASE.clone()})).mapped("y")
