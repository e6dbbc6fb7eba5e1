from __future__ import annotations

import hashlib

import pytest
import torch
from safetensors.torch import load_file

from toolkit.oracle.store import DTYPES, Store


@pytest.fixture
def path(tmp_path):
    return tmp_path / "some.safetensors"


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_safetensors_reads_what_was_written(path, dtype):
    store = Store()
    tensor = torch.tensor([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]).to(dtype)
    store.put("values", tensor)
    store.put("turned", tensor.T)
    store.put("one", tensor[0, 1])
    store.put("none", tensor[:0])
    store.write(str(path))
    found = load_file(path)
    assert found["values"].dtype is dtype
    assert found["values"].equal(tensor)
    assert found["turned"].equal(tensor.T)
    assert (found["one"].shape, found["none"].shape) == ((), (0, 3))


def test_equal_tensors_are_stored_once_under_the_first_name(path):
    store, tensor = Store(), torch.randn(3)
    assert [store.put(n, t) for n, t in (("a", tensor), ("b", tensor.clone()))] == ["a", "a"]
    assert store.num_bytes == 12
    store.write(str(path))
    assert list(load_file(path)) == ["a"]


@pytest.mark.parametrize(
    "other", [torch.zeros(2, 3), torch.zeros(6, dtype=torch.int32), torch.full((6,), -0.0)]
)
def test_tensors_that_differ_in_shape_dtype_or_sign_are_not_equal(other):
    store = Store()
    store.put("a", torch.zeros(6))
    assert store.put("b", other) == "b"


def test_the_size_and_digest_of_the_file_are_known(path):
    store = Store()
    store.put("a", torch.randn(5))
    said = store.write(str(path))
    content = path.read_bytes()
    assert said == {"num_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_a_store_without_tensors_is_a_readable_file(path):
    Store().write(str(path))
    assert load_file(path) == {}
