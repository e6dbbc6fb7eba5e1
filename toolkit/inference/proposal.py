"""What is proposed: which tensors are made of which, on what evidence, and what is left open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from toolkit.checkpoint.recipes import Recipe


@dataclass(frozen=True, kw_only=True)
class Match:
    """Tensors of the target that are made of tensors of the source."""

    recipe: Recipe
    evidence: str
    """In one line."""
    by_value: bool = False
    """Whether the values are the same, bit for bit."""


@dataclass(frozen=True, kw_only=True)
class Ambiguity:
    """Tensors of which nothing says which is which."""

    targets: tuple[str, ...]
    """Each may be made of any of `sources`."""
    sources: tuple[str, ...]
    because: str
    parts: tuple[tuple[str, ...], ...] = ()
    """Tensors of the target that would change places together, part by part in the same order;
    none where it is not the target's that would."""

    def __str__(self) -> str:
        named = ", ".join(self.sources)
        return f"{', '.join(self.targets)}: {self.because}: any of {named}"


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What becomes of the tensors of two models."""

    rows: tuple[Match, ...]
    """Those that are ambiguous included, as they were chosen."""
    ambiguous: tuple[Ambiguity, ...]
    unmatched_sources: tuple[str, ...]
    unmatched_targets: tuple[str, ...]

    @property
    def renames(self) -> dict[str, str]:
        """The name in the target of each source tensor that is a tensor there as it is."""
        return {
            row.recipe.sources[0]: row.recipe.targets[0]
            for row in self.rows
            if row.recipe.is_rename
        }

    @property
    def evidence(self) -> dict[str, str]:
        """Why each target tensor is made as it is."""
        return {target: row.evidence for row in self.rows for target in row.recipe.targets}

    def __iter__(self) -> Iterator[Match]:
        return iter(self.rows)
