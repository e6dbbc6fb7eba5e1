"""Copies in files: they hold what was kept, and take no memory before and after they are read."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from toolkit.oracle.shelf import CHUNK_BYTES, Shelf

LARGE = CHUNK_BYTES // 8
"""Elements of a chunk in float64."""


def resident_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS"))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bool, torch.int64])
def test_a_copy_is_what_was_kept_whatever_becomes_of_the_tensor(dtype):
    tensor = (torch.arange(60_000).view(3, 200, 100) % 7).to(dtype)
    before, shelf = tensor.clone(), Shelf()
    kept = shelf.keep(tensor.transpose(0, 1))
    tensor.zero_()
    assert kept.equal(before.transpose(0, 1))
    assert kept.is_contiguous()


def test_what_rests_can_be_read_again():
    shelf = Shelf()
    kept = [shelf.keep(torch.full((50_000,), float(number))) for number in range(5)]
    for _ in range(2):
        assert [float(copy.sum()) for copy in kept] == [50_000.0 * number for number in range(5)]
        shelf.rest()


def test_a_copy_outlives_its_shelf():
    kept = Shelf().keep(torch.arange(50_000))
    assert int(kept.sum()) == 50_000 * 49_999 // 2


def test_copies_take_memory_only_while_they_are_read():
    shelf, tensor = Shelf(), torch.ones(LARGE, dtype=torch.float64)
    before = resident_bytes()
    kept = [shelf.keep(tensor.add_(1)) for _ in range(6)]
    unread = resident_bytes() - before
    total = sum(float(copy.sum()) for copy in kept)
    read = resident_bytes() - before
    shelf.rest()
    rested = resident_bytes() - before
    assert total == LARGE * sum(range(2, 8))
    assert unread < CHUNK_BYTES
    assert read > 5 * CHUNK_BYTES
    assert rested < CHUNK_BYTES
