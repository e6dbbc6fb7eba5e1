"""Numbers of things, in the right grammatical number."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, plural: str) -> str:
    """So many of what the plural names: `1 clip`, `3 clips`, `0 clips`."""
    return f"{number} {plural.removesuffix('s') if number == 1 else plural}"


def listed(words: Sequence[str], *, shown: int = 5) -> str:
    """The first words with commas, and how many more there are."""
    more = f", and {len(words) - shown} more" if len(words) > shown else ""
    return ", ".join(words[:shown]) + more
