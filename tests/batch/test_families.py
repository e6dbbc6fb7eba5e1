"""A checkpoint's family is known before anything is done with it."""

from __future__ import annotations

from pathlib import Path

from toolkit.batch.families import maybe_family


def test_a_checkpoint_has_the_name_of_its_family(shelf: Path) -> None:
    assert maybe_family(shelf / "models" / "hubert_ctc" / "model.pt") == "hubert_ctc"


def test_what_no_family_knows_has_none(shelf: Path, tmp_path: Path) -> None:
    assert maybe_family(shelf / "models" / "broken" / "model.pt") is None
    assert maybe_family(tmp_path / "nothing.pt") is None
