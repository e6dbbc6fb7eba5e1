"""What a conversion or an export is going to write and prove, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from toolkit.core.artifact import SCHEMA_VERSION
from toolkit.core.coverage import Reason
from toolkit.core.json import JsonDict


@dataclass(frozen=True, kw_only=True)
class PlannedConversion:
    """What a conversion with the same arguments would do."""

    source: str
    """The checkpoint."""
    out: str
    """The folder that would appear."""
    task: str
    architectures: tuple[str, ...]
    """The classes that it loads as."""
    carries_code: bool
    """Whether they are the folder's own."""
    parameters: int
    files: Mapping[str, int]
    """Files of weights, each with the bytes of its values; all others together take little."""
    free_bytes: int | None
    """Room where the folder would lie; None where the system does not say."""
    assumptions: tuple[Reason, ...]
    """What the checkpoint does not say, and a proof may still settle."""
    unverified_because: str | None
    """Why nothing would be proven; None where it would be."""
    comparison: str
    """What would be compared, in words, and for how long; empty where nothing would."""
    seconds: float | None
    """About how long the comparison takes here; None where there is none."""
    next: str
    """The command that does it."""

    @property
    def num_bytes(self) -> int:
        """Room that the weights take."""
        return sum(self.files.values())

    def to_dict(self) -> JsonDict:
        """The plan as plain data."""
        return {
            "schema_version": SCHEMA_VERSION,
            "command": "convert",
            "dry_run": True,
            **asdict(self),
        }


@dataclass(frozen=True, kw_only=True)
class PlannedExport:
    """What an export with the same arguments would do."""

    source: str
    """The folder."""
    out: str
    """The checkpoint that would appear."""
    like: str | None
    """The checkpoint whose settings it would get; None where the folder's own are turned round."""
    num_bytes: int
    """Room that the values take."""
    beside: tuple[str, ...]
    """Files that would stand beside it."""
    kept: tuple[Reason, ...]
    """Tensors that the folder does not hold, and what they would be filled with, and why."""
    free_bytes: int | None
    """Room where the file would lie; None where the system does not say."""
    unverified_because: str | None
    """Why nothing would be proven; None where it would be."""
    next: str
    """The command that does it."""

    def to_dict(self) -> JsonDict:
        """The plan as plain data."""
        return {
            "schema_version": SCHEMA_VERSION,
            "command": "export",
            "dry_run": True,
            **asdict(self),
        }
