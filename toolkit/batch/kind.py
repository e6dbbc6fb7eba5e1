"""What a kind of job says about itself."""

from __future__ import annotations

from collections.abc import Callable
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

    def is_there(self, request: Request) -> bool:
        """Whether what a job wrote is still there."""
        return self.writes is None or cast(Path, getattr(request, self.writes)).exists()
