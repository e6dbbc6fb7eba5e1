"""Clips of unequal length for one padded batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.oracle.rows import a_second, choose_rows, take
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
    lengths, rate = [len(run.source) for run in runs], a_second(runs[0].source)
    rows = [(runs[index], length) for index, length in choose_rows(lengths, rate)]
    return Batch(
        names=tuple(_name(run, length) for run, length in rows),
        sources=tuple(take(run.source, length) for run, length in rows),
        prefixes=tuple(shortened(run.prefix, length, rate) for run, length in rows),
    )


def _name(run: HeardRun, length: int) -> str:
    if not run.source.is_floating_point():
        lasts = f"{length} ids"
    elif length == len(run.source):
        lasts = f"{run.clip.duration_s:.1f} s"
    else:
        lasts = f"{length / a_second(run.source):.1f} s"
    if length == len(run.source):
        return f"{run.clip.name} ({lasts})"
    part = "twice" if length > len(run.source) else "in part"
    return f"{run.clip.name} {part} ({lasts})"
