"""What an exact conversion of CTC is, the clips that show it, and what a refusal is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from toolkit import BadInput, convert
from toolkit.audio import golden_folder
from toolkit.core.result import Result

CLIPS = tuple(golden_folder() / f"{name}.flac" for name in ("tiny", "odd_frames", "en_1"))
EXACT, ROUNDED = 1e-9, 2e-6


def check_exact(result: Result, *, padded: bool) -> None:
    """Checks all levels of a proof.

    Args:
        result: The proof.
        padded: Whether padded batches are exact too; otherwise they must be once the model is told
            fairseq's frames.
    """
    levels = {level.name: level for level in result.levels}
    assert result.verdict == "match"
    assert levels["weights"].worst is not None
    assert levels["weights"].worst.error == 0.0
    for name in ("layers", "logits"):
        exact, rounded = levels[name].measures[:2]
        assert exact.error <= EXACT
        assert rounded.error <= ROUNDED
    whole, frames, *given = levels["padding"].measures
    assert whole.error <= ROUNDED if padded else given[0].error <= ROUNDED
    assert (frames.error == 0) is padded
    declared = {deviation.name for deviation in result.deviations}
    assert ("frame_mask" in declared) is not padded
    assert declared <= {"normalization_epsilon", "special_symbols", "frame_mask"}


def check_refused(
    checkpoint: Path, ends: str, out: Path, options: Mapping[str, Any] = MappingProxyType({})
) -> None:
    """Checks that a conversion is refused by name and leaves nothing behind.

    Args:
        checkpoint: What is converted.
        ends: As a variant has it: `refused: ` and what the refusal names.
        out: Where to.
        options: What the user says.
    """
    reason = ends.removeprefix("refused: ")
    with pytest.raises(BadInput, match=re.escape(f"not: `{reason}")):
        convert(checkpoint, out, verify=False, **options)
    assert not out.exists()
