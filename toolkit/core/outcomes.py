"""What `toolkit faults` found out about `toolkit diff`, as data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from toolkit.core.artifact import SCHEMA_VERSION
from toolkit.core.coverage import Reason
from toolkit.core.json import JsonDict


@dataclass(frozen=True, kw_only=True)
class YardstickOutcome:
    """What a simpler comparison said of the same fault."""

    name: str
    detects: bool
    names_module: bool


@dataclass(frozen=True, kw_only=True)
class FaultOutcome:
    """What diff said of one deliberate fault."""

    name: str
    kind: str
    part: str
    of_weights: bool
    """Whether a tensor was broken; else a configuration key or the tokenizer was."""
    noted: bool
    """Whether it changes fine-tuning alone, or nothing: a note must name it, and no finding."""
    detected: bool
    """Whether there is a finding, or the note that there must be, with the verdict of a match."""
    blamed: bool
    """Whether the first finding, or the note, names the module or key that was broken."""
    hypothesis: bool
    """Whether the first finding's hypothesis is right and confirmed."""
    extra: int
    """Findings beyond the one that the fault explains."""
    said: str
    """The first finding's sentence."""
    right_error: float
    """Largest isolated error of a module that holds no broken tensor."""
    wrong_error: float | None
    """Isolated error of the module that owns the broken tensor; None where no output shows it, and
    for faults of other kinds."""
    yardsticks: tuple[YardstickOutcome, ...]


@dataclass(frozen=True, kw_only=True)
class DoubleOutcome:
    """What diff said of two deliberate faults at once."""

    name: str
    kind: str
    found: tuple[bool, bool]
    extra: int
    """Findings beyond the two that the faults explain."""
    said: tuple[str, ...]

    @property
    def both(self) -> bool:
        """Whether both faults are among the findings."""
        return all(self.found)


@dataclass(frozen=True, kw_only=True)
class Share:
    """How many of how many."""

    right: int
    total: int

    def __str__(self) -> str:
        return f"{self.right} of {self.total}"


@dataclass(frozen=True, kw_only=True)
class FaultsResult:
    """All outcomes of one run."""

    singles: tuple[FaultOutcome, ...]
    doubles: tuple[DoubleOutcome, ...]
    excluded: tuple[Reason, ...]
    """Faults that provably change nothing."""
    duration_s: float

    def share(self, field: str, outcomes: Sequence[FaultOutcome] | None = None) -> Share:
        """How many outcomes have a true `field`, of all singles or of those given."""
        chosen = self.singles if outcomes is None else outcomes
        return Share(right=sum(getattr(o, field) for o in chosen), total=len(chosen))

    @staticmethod
    def count_extra(outcomes: Sequence[FaultOutcome | DoubleOutcome]) -> int:
        """How many findings there are beyond those that the faults explain."""
        return sum(outcome.extra for outcome in outcomes)

    @property
    def noted(self) -> Share:
        """How many of the faults that nobody sees came to a note alone."""
        return self.share("blamed", [outcome for outcome in self.singles if outcome.noted])

    @staticmethod
    def count_noted(outcomes: Sequence[FaultOutcome]) -> int:
        """How many faults came to a note alone, as they should."""
        return sum(outcome.noted and outcome.blamed for outcome in outcomes)

    @property
    def extras(self) -> dict[str, int]:
        """How many findings no fault explains, by fault; those without any are left out."""
        outcomes: tuple[FaultOutcome | DoubleOutcome, ...] = (*self.singles, *self.doubles)
        return {outcome.name: outcome.extra for outcome in outcomes if outcome.extra}

    @property
    def extra(self) -> int:
        """Findings of all runs that no fault explains."""
        return sum(self.extras.values())

    @property
    def by_kind(self) -> dict[str, tuple[FaultOutcome, ...]]:
        """The single faults by class, in the order of the catalogue."""
        classes: dict[str, list[FaultOutcome]] = defaultdict(list)
        for outcome in self.singles:
            classes[outcome.kind].append(outcome)
        return {kind: tuple(outcomes) for kind, outcomes in classes.items()}

    @property
    def yardsticks(self) -> dict[str, tuple[Share, Share]]:
        """Per simpler comparison: how many faults it detects, and blames on the right module."""
        names = dict.fromkeys(y.name for o in self.singles for y in o.yardsticks)
        return {
            name: (
                self._yardstick_share(name, "detects"),
                self._yardstick_share(name, "names_module"),
            )
            for name in names
        }

    @property
    def gap(self) -> tuple[float, float]:
        """The largest error of a right module and the smallest of a wrong one: weight faults."""
        wrong = [o.wrong_error for o in self.singles if o.wrong_error is not None]
        right = [o.right_error for o in self.singles if o.of_weights]
        return max(right, default=0.0), min(wrong, default=float("inf"))

    @property
    def perfect(self) -> bool:
        """Whether everything was detected and blamed, both of every two faults, and no more."""
        blamed = all(o.detected and o.blamed for o in self.singles)
        return blamed and all(double.both for double in self.doubles) and not self.extra

    def to_dict(self) -> JsonDict:
        """The outcomes as plain data."""
        weights = [o for o in self.singles if o.of_weights]
        return {
            "schema_version": SCHEMA_VERSION,
            "command": "faults",
            "single_faults": len(self.singles),
            "classes": len(self.by_kind),
            "detected": asdict(self.share("detected")),
            "blamed": asdict(self.share("blamed")),
            "hypotheses_of_weight_faults": asdict(self.share("hypothesis", weights)),
            "extra_findings": self.extra,
            "noted": asdict(self.noted),
            "double_faults": asdict(
                Share(right=sum(d.both for d in self.doubles), total=len(self.doubles))
            ),
            "yardsticks": {
                name: {"detects": asdict(detects), "names_module": asdict(names)}
                for name, (detects, names) in self.yardsticks.items()
            },
            "gap": [str(error) for error in self.gap],
            "excluded": [asdict(reason) for reason in self.excluded],
            "duration_s": self.duration_s,
            "singles": [asdict(outcome) for outcome in self.singles],
            "doubles": [{**asdict(double), "both": double.both} for double in self.doubles],
        }

    def _yardstick_share(self, name: str, field: str) -> Share:
        chosen = [y for o in self.singles for y in o.yardsticks if y.name == name]
        return Share(right=sum(getattr(y, field) for y in chosen), total=len(chosen))
