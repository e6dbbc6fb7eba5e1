"""How a job ended, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from toolkit.core.json import JsonDict

Ending = Literal["done", "refused", "died"]
"""`refused`: its input cannot be used, which is found again each time; `died`: its process ended,
its time was over, or the toolkit failed."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a job took."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_bytes: int = 0
    """Resident memory of its process at its highest, other jobs before it among it."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a job ended."""

    ending: Ending
    because: str | None = None
    """Why it came to no result."""
    result: JsonDict | None = None
    report: str | None = None
    """Its page, relative to the results."""
    cost: Cost = field(default_factory=Cost)

    @property
    def verdict(self) -> str | None:
        """What it came to; None where it came to nothing."""
        if self.result is None:
            return None
        return str(self.result.get("verdict") or f"{self.result['command']}ed")
