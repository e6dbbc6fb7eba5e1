"""A shelf of checkpoints, one of them cut off, and what to do with them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from toolkit.audio import golden_folder

CONVERT = """
[[job]]
do = "convert"
checkpoints = "models/*/model.pt"
out = "hf/{folder}"
verify = false
"""

Write = Callable[[str], Path]


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """Three checkpoints, one of which is cut off."""
    for name in ("hubert_ctc", "hubert_encoder"):
        shutil.copytree(golden_folder() / "untrained" / name, tmp_path / "models" / name)
    whole = (golden_folder() / "ctc" / "model.pt").read_bytes()
    (tmp_path / "models" / "broken").mkdir()
    (tmp_path / "models" / "broken" / "model.pt").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "hf").mkdir()
    return tmp_path


@pytest.fixture
def write(shelf: Path) -> Write:
    """Writes a file of jobs beside the checkpoints."""

    def write(text: str) -> Path:
        path = shelf / "jobs.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write
