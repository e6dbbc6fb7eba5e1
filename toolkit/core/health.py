"""What a machine has for conversions and proofs, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from toolkit.core.artifact import SCHEMA_VERSION
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonDict


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something that stands in the way."""

    name: str
    summary: str
    """What is expected and what is found, in one sentence."""
    mend: str
    """The command that mends it."""


@dataclass(frozen=True, kw_only=True)
class PythonState:
    """One environment, of which nothing was imported."""

    path: str
    is_own: bool
    """Whether it is the one that the toolkit runs in."""
    versions: Mapping[str, str]
    """Of `python`, `torch`, `numpy` and `fairseq`, as far as they are there."""
    proves: str
    """What it can prove, in a sentence."""

    @property
    def has_fairseq(self) -> bool:
        """Whether fairseq is installed there."""
        return "fairseq" in self.versions


@dataclass(frozen=True, kw_only=True)
class Health:
    """All that was found."""

    versions: Mapping[str, str]
    pythons: tuple[PythonState, ...]
    """The toolkit's own first, then those that were named and answer."""
    free_bytes: Mapping[str, int]
    """Room on the disk, by folder."""
    memory_bytes: int | None
    """Memory that is free; None where the system does not say."""
    problems: tuple[Problem, ...]

    @property
    def can_prove(self) -> bool:
        """Whether one of the environments has fairseq."""
        return any(python.has_fairseq for python in self.pythons)

    def expect_proofs(self) -> None:
        """Makes sure that something can be proven.

        Raises:
            BadInput: no environment has fairseq.
        """
        if not self.can_prove:
            mends = " or ".join(f"`{p.mend}`" for p in self.problems if p.name == "fairseq")
            raise BadInput(
                "`fairseq` must be in one of the environments to prove a conversion, but is in "
                f"none of {len(self.pythons)}. Install it with {mends}, name another with "
                "`--fairseq-python`, or take a recording made elsewhere (`toolkit recorder`)."
            )

    def to_dict(self) -> JsonDict:
        """The same as plain data that `json.dumps` takes."""
        return {
            "schema_version": SCHEMA_VERSION,
            "command": "doctor",
            "can_prove": self.can_prove,
            "versions": dict(self.versions),
            "pythons": [{**asdict(python)} for python in self.pythons],
            "free_bytes": dict(self.free_bytes),
            "memory_bytes": self.memory_bytes,
            "problems": [asdict(problem) for problem in self.problems],
        }
