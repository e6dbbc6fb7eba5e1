"""Views of the same bytes of a file are known to be equal, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from toolkit.oracle import pages
from toolkit.oracle.places import Places

SIZE = 1 << 16


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "weights"
    path.write_bytes(bytes(range(256)) * (SIZE >> 8))
    return path


def view(path: Path, first: int = 0, last: int = SIZE) -> Tensor:
    return torch.from_numpy(np.memmap(path, dtype=np.uint8, mode="c"))[first:last]


def test_two_mappings_of_the_same_bytes_are_one(file):
    one, other = view(file, 4096, 8192), view(file, 4096, 8192)
    assert one.data_ptr() != other.data_ptr()
    assert Places().are_one(one, other)


def test_other_bytes_that_are_equal_are_not_one(file):
    one, other = view(file, 0, 256), view(file, 256, 512)
    assert one.equal(other)
    assert not Places().are_one(one, other)


def test_a_copy_of_a_file_is_not_the_file(file, tmp_path):
    copy = tmp_path / "copy"
    copy.write_bytes(file.read_bytes())
    one, other = view(file), view(copy)
    assert not Places().are_one(one, other)


def test_a_link_to_a_file_is_the_file(file, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(file)
    one, other = view(file), view(link)
    assert Places().are_one(one, other)


@pytest.mark.parametrize("written", [0, 1])
def test_a_view_that_was_written_to_is_not_the_file(file, written):
    views = [view(file), view(file)]
    views[written][-1] = 7
    assert not Places().are_one(*views)


def test_what_lies_in_memory_is_not_the_file(file):
    one = view(file)
    copy = one.clone()
    assert Places().maybe_find(copy) is None
    assert not Places().are_one(copy, copy)


def test_another_shape_or_dtype_of_the_same_bytes_is_not_one(file):
    one, other = view(file), view(file)
    places = Places()
    assert not places.are_one(one, other.view(2, -1))
    assert not places.are_one(one, other.view(torch.int8))
    assert not places.are_one(one.view(2, -1).T, other.view(2, -1).T)


def test_what_was_mapped_afterwards_is_unknown(file):
    places, one = Places(), view(file)
    assert places.maybe_find(one) is None


def test_a_system_that_does_not_say_what_is_mapped_knows_none(file, monkeypatch):
    monkeypatch.setattr(pages, "_read", lambda _: "")
    one = view(file)
    assert not Places().are_one(one, one)
