"""The rows of a mapping table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from toolkit.mapping.ops import Copy, Filling, Op, Shape
from toolkit.mapping.patterns import shorten

if TYPE_CHECKING:
    from torch import Tensor

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

    def under(self, source: str, target: str) -> Rule:
        """The rule with its names behind a prefix on each side."""
        targets = tuple(target + name for name in self.targets)
        single = isinstance(self.target, str)
        return replace(self, source=source + self.source, target=targets[0] if single else targets)

    def __str__(self) -> str:
        targets = " + ".join(map(shorten, self.targets))
        return f"{shorten(self.source)} -> {targets} ({self.op.name})"


@dataclass(frozen=True)
class Drop:
    """A source tensor that has no place in the target, and why that is right."""

    source: str
    because: str

    def under(self, source: str, target: str) -> Drop:  # noqa: ARG002
        """The row with its name behind the source's prefix."""
        return replace(self, source=source + self.source)

    def __str__(self) -> str:
        return f"{self.source} -> dropped, because {self.because}"


@dataclass(frozen=True)
class Fill:
    """A target tensor that the source does without, and the values that change nothing."""

    target: str
    values: Filling
    because: str

    def under(self, source: str, target: str) -> Fill:  # noqa: ARG002
        """The row with its name behind the target's prefix."""
        return replace(self, target=target + self.target)

    def __str__(self) -> str:
        return f"({self.values.name}) -> {self.target}, because {self.because}"


@dataclass(frozen=True)
class Tie:
    """Two names of one tensor on both sides; checked, never written twice.

    A source that is its own twin has one name there and two here: another rule maps it.
    """

    source: str
    source_twin: str
    """The source name that another rule maps."""
    target: str
    target_twin: str
    """The target name that the same rule produces."""
    because: str

    def under(self, source: str, target: str) -> Tie:
        """The row with its names behind a prefix on each side."""
        return Tie(
            source + self.source,
            source + self.source_twin,
            target + self.target,
            target + self.target_twin,
            self.because,
        )

    @property
    def is_single(self) -> bool:
        """Whether the source has one name for both of the target's."""
        return self.source == self.source_twin

    def __str__(self) -> str:
        return f"{self.source} = {self.source_twin} -> {self.target} = {self.target_twin} (tied)"


Row: TypeAlias = Rule | Drop | Fill | Tie


@dataclass(frozen=True, kw_only=True)
class PlacedRow:
    """A row that stands in a file of the user's."""

    row: Row
    file: str
    line: int
    """Counted from 1."""

    @property
    def origin(self) -> str:
        """Where the row stands, in words that a report can show."""
        return f"{self.file}, line {self.line}: {self.row}"


@dataclass(frozen=True, kw_only=True)
class Table:
    """The rows of one family for one generation of its checkpoints; order has no meaning."""

    name: str
    rows: tuple[Row, ...]
    user_rows: tuple[PlacedRow, ...] = ()
    """What they claim or produce, no row of the family does."""

    @property
    def family_rows(self) -> tuple[Row, ...]:
        """The family's rows but for those that the user repeats."""
        repeated = {placed.row for placed in self.user_rows}
        return tuple(row for row in self.rows if row not in repeated)

    def origin(self, row: Row) -> str:
        """Where a row stands, in words that a report can show."""
        for placed in self.user_rows:
            if placed.row == row:
                return placed.origin
        return f"{self.name}, row {self.rows.index(row) + 1}: {row}"


@dataclass(frozen=True)
class Transpose:
    """Two axes change places, for a fork that keeps its weights the other way round."""

    first: int = 0
    second: int = 1
    exact: bool = True

    @property
    def name(self) -> str:
        """The operation with its axes."""
        return f"transpose axes {self.first} and {self.second}"

    def shapes(self, source: Shape) -> tuple[Shape, ...]:
        """One target with two sizes exchanged; none where the source lacks the axes."""
        if max(self.first, self.second) >= len(source):
            return ()
        sizes = list(source)
        sizes[self.first], sizes[self.second] = source[self.second], source[self.first]
        return (tuple(sizes),)

    def apply(self, source: Tensor) -> tuple[Tensor, ...]:
        """A view of the source."""
        return (source.transpose(self.first, self.second),)

    def invert(self, targets: Sequence[Tensor]) -> Tensor:
        """The one target, transposed back."""
        (target,) = targets
        return target.transpose(self.first, self.second)
