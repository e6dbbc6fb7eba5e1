"""The rows of a mapping table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from toolkit.mapping.ops import Copy, Identity, Op, Zeros

_COPY = Copy()


@dataclass(frozen=True)
class Rule:
    """One kind of source tensor becomes one or more kinds of target tensor."""

    source: str
    """Pattern of the source tensor's whole name."""
    target: str | tuple[str, ...]
    """Pattern of the target's whole name, with the same slots; several for a splitting op."""
    op: Op = _COPY

    @property
    def targets(self) -> tuple[str, ...]:
        """The target patterns, one per output of the op."""
        return (self.target,) if isinstance(self.target, str) else self.target

    def __str__(self) -> str:
        return f"{self.source} -> {' + '.join(self.targets)} ({self.op.name})"


@dataclass(frozen=True)
class Drop:
    """A source tensor that has no place in the target, and why that is right."""

    source: str
    because: str

    def __str__(self) -> str:
        return f"{self.source} -> dropped, because {self.because}"


@dataclass(frozen=True)
class Fill:
    """A target tensor that the source does without, and the values that change nothing."""

    target: str
    values: Identity | Zeros
    because: str

    def __str__(self) -> str:
        return f"({self.values.name}) -> {self.target}, because {self.because}"


@dataclass(frozen=True)
class Tie:
    """Two names of one tensor on both sides; checked, never written twice."""

    source: str
    source_twin: str
    """The source name that another rule maps."""
    target: str
    target_twin: str
    """The target name that the same rule produces."""
    because: str

    def __str__(self) -> str:
        return f"{self.source} = {self.source_twin} -> {self.target} = {self.target_twin} (tied)"


Row: TypeAlias = Rule | Drop | Fill | Tie


@dataclass(frozen=True, kw_only=True)
class Table:
    """The rows of one family for one generation of its checkpoints; order has no meaning."""

    name: str
    rows: tuple[Row, ...]

    def origin(self, row: Row) -> str:
        """Where a row stands, in words that a report can show."""
        return f"{self.name}, row {self.rows.index(row) + 1}: {row}"
