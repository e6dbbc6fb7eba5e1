"""`assert_parity`, for those who do not use pytest's plugin."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.breaking import scale, set_key
from toolkit import assert_parity
from toolkit.audio import golden_folder
from toolkit.core.errors import BadInput

Q_PROJ = "encoder.encoder.layers.1.attention.q_proj"
CLIP = golden_folder() / "ru_2.flac"


def test_a_right_folder_gives_its_result(golden_checkpoint: Path, converted: Path) -> None:
    assert assert_parity(golden_checkpoint, converted, audio=[CLIP]).verdict == "match"


def test_a_wrong_folder_says_what_is_wrong(
    golden_checkpoint: Path, broken: Path, tmp_path: Path
) -> None:
    scale(f"{Q_PROJ}.weight", 1.5)(broken)
    set_key("config.json", "decoder.scale_embedding", False)(broken)
    report = tmp_path / "report.html"
    with pytest.raises(AssertionError) as raised:
        assert_parity(golden_checkpoint, broken, audio=[CLIP], report=report)
    said = str(raised.value)
    assert said.startswith(f"`{broken}` does not match `{golden_checkpoint}`: weights, config")
    assert f"at:   {Q_PROJ}" in said
    assert "fix:  set `decoder.scale_embedding` to True" in said
    assert f"Report: {report}" in said
    assert Q_PROJ in report.read_text(encoding="utf-8")


def test_bad_input_is_no_mismatch(golden_checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="must be a Hugging Face folder"):
        assert_parity(golden_checkpoint, tmp_path / "nowhere", audio=[CLIP])
