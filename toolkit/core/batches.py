"""What the jobs of a batch came to, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from toolkit.core.artifact import SCHEMA_VERSION
from toolkit.core.json import JsonDict


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """A job that did not come to a match."""

    kind: str
    checkpoint: str
    outcome: str
    """`mismatch`, `refused`, `died`."""
    because: str


@dataclass(frozen=True, kw_only=True)
class Summary:
    """All that was asked for last, and how far it is."""

    results: str
    jobs: int
    counts: Mapping[str, int]
    """How many jobs by verdict; by state where they have none."""
    bytes_done: int
    bytes_total: int
    seconds: float
    """Of all jobs together, each in its own process."""
    troubles: tuple[Trouble, ...]
    """The worst first."""
    done_now: int = 0
    """How many jobs this very run did."""

    def count(self, *names: str) -> int:
        """How many jobs have one of these verdicts or states."""
        return sum(self.counts.get(name, 0) for name in names)

    def to_dict(self) -> JsonDict:
        """The summary as plain data."""
        return {
            "schema_version": SCHEMA_VERSION,
            "command": "batch",
            "results": self.results,
            "jobs": self.jobs,
            "counts": dict(self.counts),
            "bytes": {"done": self.bytes_done, "total": self.bytes_total},
            "seconds": self.seconds,
            "done_now": self.done_now,
            "troubles": [vars(trouble) for trouble in self.troubles],
        }
