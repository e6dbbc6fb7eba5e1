"""A whole conversion by a Python that has nothing which only some systems have."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.structure.platforms import NOT_ON_WINDOWS
from toolkit.folder.digest import ABOUT_THE_REST

HIDING = f"""
import ctypes, mmap, os, signal, sys

for module in (os, signal, mmap):
    for name in {dict(NOT_ON_WINDOWS)!r}[module.__name__]:
        if hasattr(module, name):
            delattr(module, name)
for places in (os.supports_dir_fd, os.supports_fd):
    places.clear()
sys.modules["resource"] = sys.modules["pwd"] = sys.modules["grp"] = None

def no_library(name, *_, **__):
    raise TypeError("a library has a name")

ctypes.CDLL = no_library
from toolkit.cli import main
main()
"""


def hidden(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", HIDING, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def contents(folder: Path) -> dict[str, bytes]:
    """All files but those that name their own folder."""
    files = [
        path for path in folder.rglob("*") if path.is_file() and path.name not in ABOUT_THE_REST
    ]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_conversion_writes_the_same_bytes_where_only_some_systems_calls_are_missing(
    golden_checkpoint: Path, converted: Path, tmp_path: Path
) -> None:
    done = hidden("convert", golden_checkpoint, tmp_path / "out", "--no-verify")
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "out") == contents(converted)
    assert os.listdir(tmp_path) == ["out"]


def test_nothing_is_replaced_there_either(golden_checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    done = hidden("convert", golden_checkpoint, out, "--no-verify")
    assert done.returncode == 2
    assert "must not exist yet" in done.stderr
    assert os.listdir(tmp_path) == ["out"]
    assert os.listdir(out) == []
