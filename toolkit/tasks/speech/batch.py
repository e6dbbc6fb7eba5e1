"""Clips of unequal length for one padded batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.oracle.rows import choose_rows
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
    """Clips of unequal length; where there are none, a clip beside itself said twice."""
    rows = [
        (runs[index], times) for index, times in choose_rows([run.source.numel() for run in runs])
    ]
    return Batch(
        names=tuple(_name(run, times) for run, times in rows),
        sources=tuple(run.source.repeat(times) for run, times in rows),
        prefixes=tuple(run.prefix for run, _ in rows),
    )


def _name(run: HeardRun, times: int) -> str:
    if times > 1:
        return f"{run.clip.name} twice"
    return f"{run.clip.name} ({run.clip.duration_s:.1f} s)"
