"""What a kind of job says about itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from toolkit.core.json import JsonDict
from toolkit.session.groups import OfCheckpoint, Request


class Answer(Protocol):
    """What a command comes to."""

    def to_dict(self) -> JsonDict:
        """The answer as plain data."""
        ...


class CutPlan(Protocol):
    """What is found out over all clips of a job."""

    @property
    def shards(self) -> Sequence[object]:
        """One entry for each."""
        ...


@dataclass(frozen=True, kw_only=True)
class Cut:
    """How one job is done in shards, each in a process of its own."""

    fits: Callable[[Request], bool]
    """Whether it can be."""
    plan: Callable[[Request, str, int], CutPlan]
    """Finds out what depends on all clips: `(request, address, clips_per_shard)`."""
    measure: Callable[[Request, CutPlan, int], object]
    """Measures one shard, by its number; dataclasses of plain data and tensors."""
    judge: Callable[[Request, CutPlan, Sequence[object]], Answer]
    """Makes of all shards what one run comes to."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One thing to do with a checkpoint; all that may be named for it are its request's fields."""

    name: str
    """As JOBS.toml has it after `do`."""
    request: type[OfCheckpoint]
    run: Callable[[Request], Answer]
    """Does it; imports what it needs."""
    writes: str | None = None
    """The field that names what it writes; None where it writes nothing but its answer."""
    cut: Cut | None = None
    """None where a job is always one task."""

    def is_there(self, request: Request) -> bool:
        """Whether what a job wrote is still there."""
        return self.writes is None or cast(Path, getattr(request, self.writes)).exists()
