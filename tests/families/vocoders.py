"""What is asked of vocoders, whatever they make a waveform of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tests.breaking import scale
from toolkit import convert, export
from toolkit.oracle.quiet import quiet_fairseq


def check_bits_come_back(like: Path, place: Path, *, has_norms: bool, **asked: Any) -> None:
    """Checks that the export of a conversion has the checkpoint's gains and directions.

    Args:
        like: The checkpoint.
        place: Where to write.
        has_norms: Whether it has weight norms; fairseq itself opens none without.
        asked: What the models are asked about.
    """
    convert(like, place / "hf", verify=False)
    (place / "back").mkdir()
    result = export(place / "hf", place / "back" / "out.pt", like=like, **asked)
    assert result.verdict == "match"
    if has_norms:
        with quiet_fairseq():
            exec(result.usage, opened := {})
        assert opened["vocoder"].model is not None
    saved, made = (torch.load(p, weights_only=True) for p in (like, place / "back" / "out.pt"))
    assert list(made) == ["generator"]
    assert list(made["generator"]) == list(saved["generator"])
    assert all(made["generator"][n].equal(t) for n, t in saved["generator"].items())


def check_changes_come_back(like: Path, weight: str, place: Path, **asked: Any) -> None:
    """Checks that an export of other weights makes these to the last bit.

    Args:
        like: The checkpoint.
        weight: What is changed in its folder.
        place: Where to write.
        asked: What the models are asked about.
    """
    convert(like, place / "hf", verify=False)
    scale(weight, 1.1)(place / "hf")
    (place / "back").mkdir()
    assert export(place / "hf", place / "back" / "out.pt", like=like, **asked).verdict == "match"
    convert(place / "back" / "out.pt", place / "again", verify=False)
    found, expected = (place / name / "model.safetensors" for name in ("again", "hf"))
    assert found.read_bytes() == expected.read_bytes()
