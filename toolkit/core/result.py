"""What a comparison found, as data: measures, levels, findings and the result that holds them.

Nothing here computes, words or prints. `Result.to_dict()` is the JSON that other programs read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from toolkit.core.pictures import Pictures

SCHEMA_VERSION = 1

LevelVerdict = Literal["pass", "deviation", "fail", "unverified"]
"""`deviation`: it differs in a way that the family declares, and by the amount that it predicts;
`unverified`: the user asked not to compare it."""

Verdict = Literal["match", "mismatch", "unverified"]

FindingKind = Literal[
    "weights", "missing", "wiring", "config", "vocabulary", "front_end", "generation", "padding"
]

Consequence = Literal["output", "generation", "text"]
"""What a fault changes: what the model computes, what a search finds, what ids and strings are."""

NoteConsequence = Literal["training", "none"]
"""What a harmless difference changes: fine-tuning alone, or nothing."""


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

    def to_dict(self) -> dict[str, Any]:
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

    def to_dict(self) -> dict[str, Any]:
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


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """A known and declared difference that does not spoil the verdict."""

    name: str
    summary: str
    where: str
    max_error: float


@dataclass(frozen=True, kw_only=True)
class Suspicion:
    """Evidence against a match that no level judges; it does not change the verdict."""

    name: str
    summary: str
    """What speaks against it, and which files to look at."""


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Something that was left out, and why."""

    name: str
    because: str


@dataclass(frozen=True, kw_only=True)
class ClipCoverage:
    """One clip that was compared."""

    name: str
    duration_s: float
    frames: int
    """Encoder frames before the adaptor."""
    frames_not_compared: int
    """Frames beyond the clip's end that fairseq adds to make the count even."""


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How much was compared, and what was not."""

    source_used: int
    source_dropped: tuple[Reason, ...]
    source_total: int
    target_compared: int
    target_total: int
    modules_compared: int
    modules_total: int
    parameterized_compared: int
    parameterized_total: int
    """Modules on the Hugging Face side that own a parameter themselves."""
    uncompared: tuple[Reason, ...]
    clips: tuple[ClipCoverage, ...]

    def to_dict(self) -> dict[str, Any]:
        """The coverage as the JSON has it."""
        return {
            "source_tensors": {
                "used": self.source_used,
                "dropped": [asdict(reason) for reason in self.source_dropped],
                "total": self.source_total,
            },
            "target_tensors": {"compared": self.target_compared, "total": self.target_total},
            "modules": {
                "compared": self.modules_compared,
                "total": self.modules_total,
                "parameterized": {
                    "compared": self.parameterized_compared,
                    "total": self.parameterized_total,
                },
                "uncompared": [asdict(reason) for reason in self.uncompared],
            },
            "clips": [asdict(clip) for clip in self.clips],
        }


@dataclass(frozen=True, kw_only=True)
class ModuleRow:
    """One module pair with its two errors, in model order."""

    target: str
    source: str
    kind: str
    """Class name of the Hugging Face module."""
    shape: tuple[int, ...]
    """Shape of the compared output on the first clip, target axes."""
    axes: str
    isolated_error: float
    """Largest error over all clips, float64, relative to the largest expected value."""
    isolated_tolerance: float
    propagated_ratio: float | None
    """End-to-end float32 error over the reference's own float32 error; None if not measured."""
    propagated_tolerance: float
    clip: str
    """The clip with the largest isolated error."""
    fails_in: str | None = None
    """The failing module that explains this one, as it is a part of it or has the same tensor."""

    @property
    def verdict(self) -> LevelVerdict:
        """Decided by the isolated error; the propagated one may come from elsewhere."""
        return "pass" if self.isolated_error <= self.isolated_tolerance else "fail"


@dataclass(frozen=True, kw_only=True)
class TokenComparison:
    """One hypothesis on both sides."""

    reference: tuple[int, ...]
    converted: tuple[int, ...]
    reference_text: str
    converted_text: str
    reference_score: float
    converted_score: float
    margin: float | None
    """Smallest top-1 minus top-2 log-probability of the reference over the steps."""

    @property
    def equal(self) -> bool:
        """Whether every token is the same."""
        return self.reference == self.converted

    @property
    def first_difference(self) -> int | None:
        """Index of the first differing token, None when all are equal."""
        if self.equal:
            return None
        pairs = zip(self.reference, self.converted, strict=False)
        shorter = min(len(self.reference), len(self.converted))
        return next((i for i, (left, right) in enumerate(pairs) if left != right), shorter)

    def to_dict(self) -> dict[str, Any]:
        """The comparison with its outcome."""
        return {
            **asdict(self),
            "equal": self.equal,
            "first_difference": self.first_difference,
        }


@dataclass(frozen=True, kw_only=True)
class ClipTokens:
    """What both models said about one clip."""

    clip: str
    transcript: str | None
    greedy: TokenComparison
    beam: tuple[TokenComparison, ...]
    """Ranked hypotheses, best first, as each side ranks its own."""
    pipeline_text: str
    """What the folder's own front end, model and tokenizer say through the ASR pipeline."""

    def to_dict(self) -> dict[str, Any]:
        """The clip's tokens as the JSON has them; the greedy comparison stands at the top."""
        return {
            "transcript": self.transcript,
            **self.greedy.to_dict(),
            "pipeline_text": self.pipeline_text,
            "beam": [hypothesis.to_dict() for hypothesis in self.beam],
        }


@dataclass(frozen=True, kw_only=True)
class Hypothesis:
    """What may have happened to a tensor or a key; confirmed means tested by undoing it."""

    name: str
    confirmed: bool
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One fault: where it is, which rule wrote it, what to change."""

    kind: FindingKind
    target_module: str
    target_parameters: tuple[str, ...] = ()
    config_keys: tuple[str, ...] = ()
    source_module: str = ""
    source_parameters: tuple[str, ...] = ()
    rule: str | None = None
    summary: str
    hypothesis: Hypothesis | None = None
    fix: str
    consequence: Consequence = "output"
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self, rank: int) -> dict[str, Any]:
        """The finding as the JSON has it, under the rank it was given."""
        return {
            "rank": rank,
            "kind": self.kind,
            "target": {
                "module": self.target_module,
                "parameters": list(self.target_parameters),
                "config_keys": list(self.config_keys),
            },
            "source": {
                "module": self.source_module,
                "parameters": list(self.source_parameters),
            },
            "rule": self.rule,
            "summary": self.summary,
            "hypothesis": None if self.hypothesis is None else asdict(self.hypothesis),
            "fix": self.fix,
            "consequence": self.consequence,
            "evidence": dict(self.evidence),
        }


@dataclass(frozen=True, kw_only=True)
class Note:
    """A difference that changes nothing of what the folder says; it does not spoil the verdict."""

    key: str
    """The key or tensor, as findings name them."""
    consequence: NoteConsequence
    summary: str


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """A folder that was written without the findings; it was proven to match before it appeared."""

    path: str
    how: str
    """`undone`: the folder under test with its findings undone; `converted`: a new conversion."""
    findings: int
    """How many findings it is free of."""


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A file or folder that took part, with the hash that identifies it."""

    path: str
    sha256: str | None
    """None for a folder that was written and not looked at."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """The outcome of one run of convert, verify or diff."""

    command: Literal["verify", "diff", "convert"]
    source: Artifact
    target: Artifact
    task: str = ""
    """What the model is asked: `speech_seq2seq`."""
    task_levels: tuple[str, ...] = ()
    """The names of all levels of that task, in the order in which a reader wants them."""
    absent_levels: Mapping[str, str] = field(default_factory=dict)
    """Levels of other tasks that this one has not, each with the reason."""
    units: str = "tokens"
    """What models of the task say: tokens, letters."""
    coverage: Coverage | None = None
    levels: tuple[Level, ...] = ()
    """All levels of the task, in order; empty when nothing was verified."""
    deviations: tuple[Deviation, ...] = ()
    suspicious: tuple[Suspicion, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[Note, ...] = ()
    tokens: tuple[ClipTokens, ...] = ()
    modules: tuple[ModuleRow, ...] = ()
    assumptions: tuple[Reason, ...] = ()
    """What the checkpoint did not say and was filled in, with the evidence."""
    unverified_because: str | None = None
    """Why nothing was compared; None when something was."""
    environment: Mapping[str, str] = field(default_factory=dict)
    reproduce: str = ""
    """The command line that gives this result again."""
    fixed: Fixed | None = None
    """What `--fix` wrote."""
    pictures: Pictures | None = None
    """What the HTML report draws; no part of the JSON."""

    @property
    def verdict(self) -> Verdict:
        """`match` if no level fails, `unverified` if nothing was compared."""
        if not self.levels:
            return "unverified"
        failed = any(level.verdict == "fail" for level in self.levels)
        return "mismatch" if failed or self.findings else "match"

    def level(self, name: str) -> Level:
        """The level called `name`.

        Raises:
            KeyError: nothing was verified, or there is no such level.
        """
        return {level.name: level for level in self.levels}[name]

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data that `json.dumps` takes, infinite numbers as strings."""
        said: dict[str, Any] = plain(
            {
                "schema_version": SCHEMA_VERSION,
                "command": self.command,
                "verdict": self.verdict,
                "task": self.task,
                "task_levels": list(self.task_levels),
                "absent_levels": dict(self.absent_levels),
                "source": asdict(self.source),
                "target": asdict(self.target),
                "deviations": [asdict(deviation) for deviation in self.deviations],
                "suspicious": [asdict(suspicion) for suspicion in self.suspicious],
                "coverage": None if self.coverage is None else self.coverage.to_dict(),
                "levels": {level.name: level.to_dict() for level in self.levels},
                "findings": [f.to_dict(rank) for rank, f in enumerate(self.findings, start=1)],
                "notes": [asdict(note) for note in self.notes],
                "tokens": {clip.clip: clip.to_dict() for clip in self.tokens},
                "modules": [{**asdict(row), "verdict": row.verdict} for row in self.modules],
                "assumptions": [asdict(reason) for reason in self.assumptions],
                "unverified_because": self.unverified_because,
                "environment": dict(self.environment),
                "reproduce": self.reproduce,
                "fixed": None if self.fixed is None else asdict(self.fixed),
            }
        )
        return said


def plain(value: Any) -> Any:
    """Data that `json.dumps` takes in its strict form: infinite numbers and NaN as strings."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
