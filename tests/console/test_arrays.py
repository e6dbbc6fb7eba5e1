"""Features as files."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load

from toolkit.console.arrays import as_bytes, expect_array_file
from toolkit.core.errors import BadInput

ONE = {"a": np.arange(6, dtype=np.float32).reshape(3, 2)}
TWO = {**ONE, "b": np.ones((1, 2), dtype=np.float32)}


@pytest.mark.parametrize("path", ["x.safetensors", "-"])
def test_safetensors_hold_every_clip_by_its_name(path: str) -> None:
    read = load(as_bytes(TWO, Path(path)))
    assert set(read) == {"a", "b"}
    assert np.array_equal(read["a"], ONE["a"])


def test_npy_holds_one_clip() -> None:
    read = np.load(BytesIO(as_bytes(ONE, Path("x.npy"))), allow_pickle=False)
    assert np.array_equal(read, ONE["a"])


def test_npy_does_not_hold_two() -> None:
    with pytest.raises(BadInput, match=r"a file for 2 clips, but `.npy` holds a single array"):
        as_bytes(TWO, Path("x.npy"))


@pytest.mark.parametrize("name", ["x.txt", "x", "x.npz", ".npy"])
def test_other_endings_are_refused(name: str) -> None:
    with pytest.raises(BadInput, match=r"must end in `.safetensors` or `.npy`"):
        expect_array_file(Path(name))


@pytest.mark.parametrize("name", ["x.npy", "x.safetensors", "-"])
def test_what_can_be_written_is_let_through(name: str) -> None:
    expect_array_file(Path(name))
