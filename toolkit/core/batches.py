"""What the jobs of a batch came to, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

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
    """How many jobs by verdict; by state where they have none, which is `interrupted` where the
    batch that began them lives no more."""
    bytes_done: int
    bytes_total: int
    seconds: float
    """Of all jobs together, each in its own process."""
    troubles: tuple[Trouble, ...]
    """The worst first."""
    done_now: int | None = None
    """How many jobs this very run did; None where none was run, but asked for what there is."""

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
            "done_now": self.done_now or 0,
            "troubles": [vars(trouble) for trouble in self.troubles],
        }


@dataclass(frozen=True, kw_only=True)
class WorstLevel:
    """The level of a job that is worst, or comes nearest to failing."""

    name: str
    verdict: str
    where: str | None
    """Of its worst measure."""
    error: float | None
    """None for what is no number."""
    tolerance: float | None


@dataclass(frozen=True, kw_only=True)
class JobRow:
    """One job as an overview has it."""

    checkpoint: str
    kind: str
    """What is done with it: `convert`, `verify`, ..."""
    outcome: str
    """Its verdict; its state where it has none."""
    family: str | None
    """None where no family knows it."""
    task: str | None
    target: str | None
    worst: WorstLevel | None
    """None where nothing was compared."""
    cause: str | None
    """Why it was refused or died; the first finding, or what its worst level says."""
    seconds: float | None
    peak_bytes: int | None
    page: str | None
    """Its own page, relative to the results."""


@dataclass(frozen=True, kw_only=True)
class Overview:
    """Every job that was asked for last, the worst first."""

    summary: Summary
    rows: tuple[JobRow, ...]

    def to_dict(self) -> JsonDict:
        """The overview as plain data."""
        return {**self.summary.to_dict(), "rows": [asdict(row) for row in self.rows]}


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """Verification cards that were written."""

    path: str
    counts: Mapping[str, int]
    """How many checkpoints of the catalogue by status."""
    new: int
    changed: int
    unreadable: tuple[str, ...]
    """Checkpoints that have no card, as they have no hash: their files cannot be read."""

    def to_dict(self) -> JsonDict:
        """The same as plain data."""
        return {
            "schema_version": SCHEMA_VERSION,
            "command": "cards",
            "catalogue": self.path,
            "counts": dict(self.counts),
            "new": self.new,
            "changed": self.changed,
            "unreadable": list(self.unreadable),
        }
