"""Checkpoints of encoders without heads, and what an exact conversion of one is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.families.exactness import EXACT, ROUNDED
from tests.variants.pretraining_building import build_pretraining
from tests.variants.pretraining_kinds import PretrainingVariant
from toolkit.core.result import Result


class Built:
    """Writes the checkpoint of a variant, once."""

    def __init__(
        self, variants: Iterable[PretrainingVariant], factory: pytest.TempPathFactory
    ) -> None:
        self.by_name = {variant.name: variant for variant in variants}
        self._factory = factory
        self._known: dict[str, Path] = {}

    def __call__(self, name: str) -> Path:
        if name not in self._known:
            folder = self._factory.mktemp("encoder")
            self._known[name] = build_pretraining(self.by_name[name], folder)
        return self._known[name]


def check_exact(result: Result, *, counts_otherwise: bool = False) -> None:
    """Checks all levels of a proof.

    Args:
        result: The proof.
        counts_otherwise: Whether the class counts frames of padded batches otherwise than fairseq,
            so that it is exact once it is told fairseq's.
    """
    levels = {level.name: level for level in result.levels}
    assert result.verdict == "match"
    assert levels["weights"].worst is not None
    assert levels["weights"].worst.error == 0.0
    for name in ("layers", "outputs"):
        exact, rounded = levels[name].measures[:2]
        assert exact.error <= EXACT
        assert rounded.error <= ROUNDED
    assert len(levels["outputs"].measures) == 2
    whole, frames, *given = levels["padding"].measures
    assert (frames.error > 0) is counts_otherwise
    assert (given[0] if counts_otherwise else whole).error <= ROUNDED
    declared = {deviation.name for deviation in result.deviations} - {"normalization_epsilon"}
    assert declared == ({"frame_mask"} if counts_otherwise else set())
