"""Clips of unequal length for one padded batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.audio import SAMPLE_RATE_HZ
from toolkit.oracle.rows import choose_rows, take
from toolkit.oracle.search import shortened
from toolkit.tasks.speech.run import HeardRun

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Inputs of unequal length, and the decoder inputs that go with them."""

    names: tuple[str, ...]
    sources: tuple[Tensor, ...]
    prefixes: tuple[tuple[int, ...], ...]


def choose_batch(runs: Sequence[HeardRun]) -> Batch:
    """Clips of unequal length; where there are none, a clip beside a part of itself."""
    lengths = [run.source.numel() for run in runs]
    rows = [(runs[index], samples) for index, samples in choose_rows(lengths)]
    return Batch(
        names=tuple(_name(run, samples) for run, samples in rows),
        sources=tuple(take(run.source, samples) for run, samples in rows),
        prefixes=tuple(shortened(run.prefix, samples) for run, samples in rows),
    )


def _name(run: HeardRun, samples: int) -> str:
    if samples == run.source.numel():
        return f"{run.clip.name} ({run.clip.duration_s:.1f} s)"
    part = "twice" if samples > run.source.numel() else "in part"
    return f"{run.clip.name} {part} ({samples / SAMPLE_RATE_HZ:.1f} s)"
