import pytest
import torch

from toolkit.core.spec import ITEM_BYTES, TensorSpec


@pytest.mark.parametrize("dtype", sorted(ITEM_BYTES))
def test_the_size_of_every_dtype_is_that_of_torch(dtype):
    values = torch.zeros(2, 3, dtype=getattr(torch, dtype))
    spec = TensorSpec(name="x", dtype=dtype, shape=(2, 3))
    assert (spec.numel, spec.num_bytes) == (6, values.numel() * values.element_size())


def test_a_scalar_has_one_element_and_an_empty_tensor_none():
    assert TensorSpec(name="x", dtype="float16", shape=()).num_bytes == 2
    assert TensorSpec(name="x", dtype="float16", shape=(3, 0)).num_bytes == 0
