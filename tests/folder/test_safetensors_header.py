"""What a file may say of itself; tests/hostile holds what is refused."""

import json
import struct

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from toolkit.folder.safetensors_header import read_names

DTYPES = [torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool]
SHAPES = st.lists(st.integers(0, 3), max_size=3)
NUMBERS = st.integers(-1, 12)
ENTRIES = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "F16", "I64", "U8", "F4", "X"]),
        "shape": st.lists(NUMBERS, max_size=2),
        "data_offsets": st.tuples(NUMBERS, NUMBERS).map(list),
    }
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@given(
    described=st.dictionaries(
        st.text(max_size=5), st.tuples(st.sampled_from(DTYPES), SHAPES), max_size=4
    )
)
def test_what_safetensors_writes_is_accepted(described, tmp_path_factory):
    described.pop("__metadata__", None)
    path = tmp_path_factory.getbasetemp() / "written.safetensors"
    tensors = {name: torch.zeros(shape, dtype=dtype) for name, (dtype, shape) in described.items()}
    path.write_bytes(save(tensors, metadata={"format": "pt"}))
    assert set(read_names(path)) == set(tensors)


@settings(max_examples=500)
@given(header=st.dictionaries(st.sampled_from("ab"), ENTRIES, max_size=2), room=st.integers(0, 16))
def test_what_is_accepted_safetensors_accepts_too(header, room, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "said.safetensors"
    raw = json.dumps(header).encode()
    raw += b" " * (-len(raw) % 8)
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + bytes(room))
    try:
        names = read_names(path)
    except ValueError:
        return
    try:
        with safe_open(path, framework="pt") as opened:
            assert set(opened.keys()) == set(names)
    except SafetensorError as error:
        pytest.fail(f"{header} with {room} bytes: {error}")


def test_no_tensor_at_all_is_accepted(path):
    path.write_bytes(save({}))
    assert read_names(path) == ()


def test_tensors_are_named_in_the_order_of_the_header(path):
    path.write_bytes(save({"b": torch.zeros(1), "a": torch.zeros(2)}))
    assert sorted(read_names(path)) == ["a", "b"]


def test_a_missing_file_is_an_error_of_the_system(path):
    with pytest.raises(FileNotFoundError):
        read_names(path)
