"""The outcome of one run, as data: all that a comparison found.

Nothing here computes, words or prints. `Result.to_dict()` is the JSON that other programs read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from toolkit.core.artifact import SCHEMA_VERSION, Artifact, FileDigest
from toolkit.core.coverage import Coverage, Reason
from toolkit.core.findings import Finding, Note
from toolkit.core.json import JsonDict, plain
from toolkit.core.measures import Level, LevelVerdict
from toolkit.core.notebook import Displayed, Grid
from toolkit.core.pictures import Pictures
from toolkit.core.tokens import ClipTokens

CLIPS = "clips"
"""What most models are asked about."""

Verdict = Literal["match", "mismatch", "unverified"]


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """A known and declared difference that does not spoil the verdict."""

    name: str
    summary: str
    where: str
    max_error: float


@dataclass(frozen=True, kw_only=True)
class Caution:
    """How far off a right folder is where it is used otherwise than the original was."""

    name: str
    summary: str
    """What use that is, and who would notice."""
    where: str
    max_error: float


@dataclass(frozen=True, kw_only=True)
class Suspicion:
    """Evidence against a match that no level judges; it does not change the verdict."""

    name: str
    summary: str
    """What speaks against it, and which files to look at."""


@dataclass(frozen=True, kw_only=True)
class ModuleRow:
    """One module pair with its two errors; rows come in the order of the model's definition."""

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
    order: int | None = None
    """When it had answered, counted among the modules of its model; None where nobody called it."""

    @property
    def verdict(self) -> LevelVerdict:
        """Decided by the isolated error; the propagated one may come from elsewhere."""
        return "pass" if self.isolated_error <= self.isolated_tolerance else "fail"


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """A folder that was written without the findings; it was proven to match before it appeared."""

    path: str
    how: str
    """`undone`: the folder under test with its findings undone; `converted`: a new conversion."""
    findings: int
    """How many findings it is free of."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A checkpoint that was written of a folder; it was proven to match before it appeared."""

    path: str
    num_bytes: int
    beside: tuple[str, ...]
    """Files that were written, or stood already, beside it, by their names."""
    kept: tuple[Reason, ...]
    """Tensors that the folder does not hold, and what they were filled with, and why."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Result(Displayed):
    """The outcome of one run of convert, verify, diff or export."""

    command: Literal["verify", "diff", "convert", "export", "compare_modules"]
    source: Artifact
    target: Artifact
    source_files: Mapping[str, FileDigest] = field(default_factory=dict)
    """The checkpoint and what was read beside it, by their names without folders."""
    target_files: Mapping[str, FileDigest] = field(default_factory=dict)
    """All files of the folder but its card and what states its proof, by their paths in it."""
    task: str = ""
    """What the model is asked: `speech_seq2seq`."""
    task_levels: tuple[str, ...] = ()
    """The names of all levels of that task, in the order in which a reader wants them."""
    absent_levels: Mapping[str, str] = field(default_factory=dict)
    """Levels of other tasks that this one has not, each with the reason."""
    finding_kinds: Mapping[str, str] = field(default_factory=dict)
    """What findings of each level of that task are about."""
    units: str = "tokens"
    """What models of the task say: tokens, letters."""
    examples: str = CLIPS
    """What they are asked about: clips, sentences."""
    coverage: Coverage | None = None
    levels: tuple[Level, ...] = ()
    """All levels of the task, in order; empty when nothing was verified."""
    deviations: tuple[Deviation, ...] = ()
    cautions: tuple[Caution, ...] = ()
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
    shards: int = 1
    """Processes among which the clips were dealt out."""
    reproduce: str = ""
    """The command line that gives this result again."""
    usage: str = ""
    """How the folder that was written is used, in Python; empty where none was written."""
    next: str = ""
    """The command line that explains or mends a mismatch, or proves what was not compared."""
    fixed: Fixed | None = None
    """What `--fix` wrote."""
    exported: Exported | None = None
    """What `export` wrote; None where it wrote nothing, and of every other command."""
    pictures: Pictures | None = None
    """What the HTML report draws; no part of the JSON."""

    @property
    def verdict(self) -> Verdict:
        """`match` if no level fails, `unverified` if nothing was compared."""
        if not self.levels:
            return "unverified"
        failed = any(level.verdict == "fail" for level in self.levels)
        return "mismatch" if failed or self.findings else "match"

    @property
    def headline(self) -> str:
        """The verdict, how many levels have which, and of what."""
        counts = Counter(level.verdict for level in self.levels)
        levels = ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
        verdict = f"{self.verdict} ({levels})" if levels else self.verdict
        return f"{verdict}: {' → '.join(self.way)}"

    @property
    def way(self) -> tuple[str, str]:
        """What was, and what it becomes: an export goes the other way."""
        paths = (self.source.path, self.target.path)
        return paths if self.command != "export" else (paths[1], paths[0])

    def grids(self) -> Iterator[Grid]:
        """Findings, the worst first; then the levels."""
        found = [(str(n), f.summary, f.fix) for n, f in enumerate(self.findings, start=1)]
        yield Grid(headings=("", "finding", "fix"), rows=found)
        levels = [(level.name, level.verdict, level.summary) for level in self.levels]
        yield Grid(headings=("level", "verdict", ""), rows=levels)
        open_ones = [(reason.name, reason.because) for reason in self.assumptions]
        yield Grid(headings=("assumed", ""), rows=open_ones)

    def level(self, name: str) -> Level:
        """The level called `name`.

        Raises:
            KeyError: nothing was verified, or there is no such level.
        """
        return {level.name: level for level in self.levels}[name]

    def to_dict(self) -> JsonDict:
        """The result as plain data that `json.dumps` takes, infinite numbers as strings."""
        said: JsonDict = plain(
            {
                "schema_version": SCHEMA_VERSION,
                "command": self.command,
                "verdict": self.verdict,
                "task": self.task,
                "task_levels": list(self.task_levels),
                "absent_levels": dict(self.absent_levels),
                "finding_kinds": dict(self.finding_kinds),
                **({} if self.examples == CLIPS else {"examples": self.examples}),
                "source": asdict(self.source),
                "target": asdict(self.target),
                "source_files": {name: asdict(file) for name, file in self.source_files.items()},
                "target_files": {name: asdict(file) for name, file in self.target_files.items()},
                "deviations": [asdict(deviation) for deviation in self.deviations],
                "cautions": [asdict(caution) for caution in self.cautions],
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
                "shards": self.shards,
                "reproduce": self.reproduce,
                "usage": self.usage,
                "next": self.next,
                "fixed": None if self.fixed is None else asdict(self.fixed),
                **({} if self.exported is None else {"exported": asdict(self.exported)}),
            }
        )
        return said
