"""Mapped files are let go of, and nothing that was written is lost."""

from __future__ import annotations

import mmap
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from toolkit.oracle import pages
from toolkit.oracle.pages import (
    FileMapping,
    hand_back,
    let_go,
    read_mappings,
    resident_bytes,
)

MEGABYTES = 64


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "weights"
    path.write_bytes(bytes(range(256)) * (MEGABYTES << 12))
    return path


def test_pages_that_were_read_are_let_go_of_and_read_again(file):
    weights = torch.from_numpy(np.memmap(file, dtype=np.uint8, mode="c"))
    total = int(weights.sum(dtype=torch.int64))
    before = resident_bytes().of_files
    let_go(0)
    assert before - resident_bytes().of_files >= (MEGABYTES - 4) << 20
    assert int(weights.sum(dtype=torch.int64)) == total


def test_what_was_written_to_a_mapping_stays(file):
    weights = torch.from_numpy(np.memmap(file, dtype=np.uint8, mode="c"))
    weights[12345] = 7
    let_go(0)
    assert weights[12345] == 7
    assert _holding(weights).is_written


def test_a_file_that_memory_is_shared_with_keeps_what_was_written(file):
    with file.open("r+b") as opened, mmap.mmap(opened.fileno(), 0) as shared:
        shared[100] = 9
        let_go(0)
        assert shared[100] == 9


def test_nothing_is_let_go_of_before_it_is_enough(monkeypatch):
    monkeypatch.setattr(pages, "read_mappings", lambda: pytest.fail("looked at mappings"))
    let_go(resident_bytes().of_files + (1 << 30))


@pytest.mark.parametrize("missing", ["statm", "smaps"])
def test_a_system_that_does_not_say_keeps_everything(file, monkeypatch, missing):
    read = pages._read
    monkeypatch.setattr(pages, "_read", lambda path: "" if missing in path else read(path))
    weights = torch.from_numpy(np.memmap(file, dtype=np.uint8, mode="c"))
    weights.sum()
    let_go(0)
    monkeypatch.undo()
    assert resident_bytes().of_files >= MEGABYTES << 20


def test_a_mapping_of_whose_copies_nothing_is_said_counts_as_written(monkeypatch):
    said = "7f00-7f10 rw-p 00000000 fd:00 12 /weights\nSize: 64 kB\n"
    monkeypatch.setattr(pages, "_read", lambda _: said)
    (mapping,) = read_mappings()
    assert mapping == FileMapping(
        start=0x7F00, end=0x7F10, file="fd:00 12", offset=0, is_code=False, is_written=True
    )


def test_pages_that_were_swapped_out_count_as_written(monkeypatch):
    said = "7f00-7f10 rw-p 00000000 fd:00 12 /weights\nAnonymous: 0 kB\nSwap: 4 kB\n"
    monkeypatch.setattr(pages, "_read", lambda _: said)
    assert read_mappings()[0].is_written


FREEING = """
import torch
from toolkit.oracle.pages import hand_back, resident_bytes

kept, freed = [], []
for _ in range(3000):
    freed.append(torch.zeros(10_000))
    kept.append(torch.zeros(10))
freed.clear()
before = resident_bytes().of_its_own
hand_back(0)
print(before - resident_bytes().of_its_own)
"""
"""In a process of its own: what others left with the allocator decides where tensors lie."""


@pytest.mark.wide
def test_what_was_freed_goes_back_to_the_system():
    done = subprocess.run(
        [sys.executable, "-c", FREEING], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) > 50 << 20


def test_a_process_that_has_little_keeps_what_was_freed(monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", lambda _: pytest.fail("handed back"))
    hand_back(1 << 50)


def _holding(tensor: torch.Tensor) -> FileMapping:
    place = tensor.data_ptr()
    return next(m for m in read_mappings() if m.start <= place < m.end)
