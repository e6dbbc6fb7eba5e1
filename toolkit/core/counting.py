"""Numbers of things, in the right grammatical number."""

from __future__ import annotations


def counted(number: int, plural: str) -> str:
    """So many of what the plural names: `1 clip`, `3 clips`, `0 clips`."""
    return f"{number} {plural.removesuffix('s') if number == 1 else plural}"
