"""What is found of a test, as data that is worded elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.core.findings import Finding
from toolkit.parity.rules import ToleranceRule

if TYPE_CHECKING:
    from toolkit.trial.measuring import PairErrors


@dataclass(frozen=True, kw_only=True)
class ModuleVerdict:
    """One module pair against its tolerance."""

    path: str
    worst: PairErrors | None
    """Where it errs most; None where no clip reached it."""
    tolerance: float
    rule: ToleranceRule | None
    """The rule that set the tolerance; None for the toolkit's own."""

    @property
    def passes(self) -> bool:
        """Whether the error is within the tolerance; a module that nothing reached fails."""
        return self.worst is not None and self.worst.isolated <= self.tolerance


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What `toolkit diff` says of a failed test."""

    findings: tuple[Finding, ...] = ()
    """Those behind the test; the likeliest first."""
    unexplained: str = ""
    """Why it can say nothing."""
    report: Path | None = None
    """The written page; None if there is none."""
    unreported: str = ""
    """Why no page could be written."""
