"""How much a comparison covers: tensors, modules and clips, and what it leaves out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from toolkit.core.coverage import ClipCoverage, Coverage, Reason
from toolkit.mapping import Plan
from toolkit.trial.measuring import PairErrors
from toolkit.trial.pairing import Pairing


class Identified(Protocol):
    """What is told of a clip."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def duration_s(self) -> float:
        """Its length in seconds."""

    @property
    def sha256(self) -> str:
        """Of its samples."""


def measure_coverage(
    plan: Plan,
    *,
    beside: Sequence[Reason] = (),
    owners: Collection[str],
    tensors: Collection[str],
    modules: Collection[str],
    uncompared: Sequence[Reason],
    clips: Sequence[ClipCoverage],
) -> Coverage:
    """What was compared, of all that there is.

    Args:
        plan: What the mapping makes.
        beside: Entries of the source that are no tensors, each with the reason why it is left out.
        owners: The target modules that own a parameter themselves, but for those left out.
        tensors: The target tensors that were compared.
        modules: The target modules that were.
        uncompared: Those that were not, each with its reason.
        clips: What it was measured on.
    """
    return Coverage(
        source_used=len(plan.used_sources),
        source_dropped=(*plan.dropped, *beside),
        source_total=len(plan.sources) + len(beside),
        target_compared=len(tensors),
        target_total=len(plan.targets),
        modules_compared=len(modules),
        modules_total=len(modules) + len(uncompared),
        parameterized_compared=sum(path in modules for path in owners),
        parameterized_total=len(owners),
        uncompared=tuple(uncompared),
        clips=tuple(clips),
    )


def clip_coverage(clip: Identified, frames: int, errors: Sequence[PairErrors]) -> ClipCoverage:
    """One clip, with the frames that its module pairs were compared on.

    Args:
        clip: The clip.
        frames: Encoder frames before the adaptor.
        errors: What was measured on it.
    """
    return ClipCoverage(
        name=clip.name,
        duration_s=clip.duration_s,
        sha256=clip.sha256,
        frames=frames,
        frames_not_compared=max((one.frames_left_out for one in errors), default=0),
    )


def frames_in(errors: Sequence[PairErrors], pairing: Pairing) -> int:
    """Encoder frames, by the shape of what was compared; 0 where nothing says so."""
    axis = pairing.frames_axis
    frames = [e.shape[axis] for e in errors if e.pair.target == pairing.frames_of and e.shape]
    return max(frames, default=0)
