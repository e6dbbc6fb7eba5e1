"""What `toolkit infer` has found, as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from toolkit.core.artifact import SCHEMA_VERSION, Artifact
from toolkit.core.coverage import Reason
from toolkit.core.json import JsonDict


@dataclass(frozen=True, kw_only=True)
class InferredRow:
    """A row of the file that was written."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    axes: tuple[int, int] | None
    order: tuple[int, ...]
    evidence: str


@dataclass(frozen=True, kw_only=True)
class Undecided:
    """What nothing tells apart."""

    targets: tuple[str, ...]
    candidates: tuple[str, ...]
    because: str


@dataclass(frozen=True, kw_only=True)
class Inference:
    """A mapping that was inferred, and what it was held against."""

    source: Artifact
    """The checkpoint."""
    like: str
    family: str
    written: str | None
    """The mapping file; None where nothing was to be written."""
    held: str
    """`code`, `weights` or `nothing`."""
    because: str
    rows: tuple[InferredRow, ...]
    ambiguous: tuple[Undecided, ...]
    dropped: tuple[Reason, ...]
    """Tensors of the checkpoint that nothing of the family answers to."""
    lacking: tuple[str, ...]
    """Tensors of the family that nothing of the checkpoint answers to."""
    next: str
    """The command that converts with the file."""

    @property
    def is_decided(self) -> bool:
        """Whether every row rests on evidence."""
        return not self.ambiguous

    def to_dict(self) -> JsonDict:
        """The result as plain data that `json.dumps` takes."""
        return {
            "schema_version": SCHEMA_VERSION,
            "command": "infer",
            "decided": self.is_decided,
            **asdict(self),
        }


def undecided(targets: Sequence[str], candidates: Sequence[str], because: str) -> Undecided:
    """What nothing tells apart."""
    return Undecided(targets=tuple(targets), candidates=tuple(candidates), because=because)
