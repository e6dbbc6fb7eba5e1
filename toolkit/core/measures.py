"""How far a converted model is from its original: numbers against tolerances, by level."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Literal

from toolkit.core.json import JsonDict

LevelVerdict = Literal["pass", "deviation", "fail", "unverified"]
"""`deviation`: it differs in a way that the family declares, and by the amount that it predicts;
`unverified`: the user asked not to compare it."""


RELATIVE = "relative to the largest value"
NOISE = "times the reference's own float32 error"
"""Units of errors that are real numbers; all others are what is counted."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One number against one tolerance."""

    name: str
    where: str
    """The tensor, module, config key or clip at which the error is largest."""
    error: float
    tolerance: float
    unit: str
    """What the error is relative to: `relative to the largest value`, `tokens`, ..."""
    compared: int
    """How many values, modules, clips or keys the number stands for."""
    declared: bool = False
    """The family declares an excess over the tolerance, with its size."""

    @property
    def verdict(self) -> LevelVerdict:
        """Whether the error is within its tolerance; comparing nothing, and NaN, are failures."""
        if self.compared > 0 and self.error <= self.tolerance:
            return "pass"
        excess = self.declared and self.compared > 0 and not math.isnan(self.error)
        return "deviation" if excess else "fail"

    def to_dict(self) -> JsonDict:
        """The measure with its verdict and the smallest tolerance that would pass."""
        return {
            **asdict(self),
            "verdict": self.verdict,
            "smallest_passing_tolerance": self.error,
        }


@dataclass(frozen=True, kw_only=True)
class Level:
    """One of the levels of a verdict."""

    name: str
    measures: tuple[Measure, ...]
    summary: str
    """One sentence with the numbers that matter."""
    left_out: bool = False
    """The user asked not to compare it."""
    clips: int | None = None
    """On how many clips it was judged; None where it is about the folder, or a batch of a few."""
    asides: tuple[Measure, ...] = ()
    """What becomes of the model where it is used otherwise than fairseq does; judged by nobody."""

    @property
    def verdict(self) -> LevelVerdict:
        """The worst of the measures; a level without measures fails, unless it was left out."""
        if self.left_out:
            return "unverified"
        verdicts = {measure.verdict for measure in self.measures}
        if not verdicts or "fail" in verdicts:
            return "fail"
        return "deviation" if "deviation" in verdicts else "pass"

    @property
    def worst(self) -> Measure | None:
        """The measure that failed by most, or came nearest to failing."""
        return max(self.measures, key=_badness, default=None)

    def to_dict(self) -> JsonDict:
        """The level as the JSON has it."""
        worst = self.worst
        return {
            "verdict": self.verdict,
            "worst": None
            if worst is None
            else {"where": worst.where, "error": worst.error, "tolerance": worst.tolerance},
            "smallest_passing_tolerance": None if worst is None else worst.error,
            "summary": self.summary,
            "clips": self.clips,
            "measures": [measure.to_dict() for measure in self.measures],
        }


def _badness(measure: Measure) -> tuple[int, float]:
    rank = {"pass": 0, "deviation": 1, "fail": 2}[measure.verdict]
    if math.isnan(measure.error):
        return rank, math.inf
    return rank, measure.error / measure.tolerance if measure.tolerance else measure.error
