"""What an audit of a folder found, as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from toolkit.core.artifact import SCHEMA_VERSION
from toolkit.core.coverage import Reason
from toolkit.core.json import JsonDict, plain
from toolkit.core.measures import Level
from toolkit.core.notebook import Displayed, Grid
from toolkit.core.result import Verdict
from toolkit.proof.document import Verification

ChangeKind = Literal["changed", "missing", "added", "renamed", "no file", "document", "seal"]
BY_WHOM = (
    "by whom: whoever changes a folder can write its `verification.json` anew. Name the seal that "
    "its author published with `--seal`"
)
"""What an audit does not show unless it was given a seal."""
END_TO_END = "end to end only: what happens inside was not compared"
"""What is not known of a runner that answers right."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing about a folder that is not as it was written."""

    kind: ChangeKind
    file: str
    """Its path in the folder."""
    summary: str
    """What was expected and what was found."""


@dataclass(frozen=True, kw_only=True)
class Against:
    """What a folder that is as it was written answers today, held against a recording."""

    recording: str
    environment: Mapping[str, str]
    """Versions of what was recorded."""
    levels: tuple[Level, ...]
    """Those that are about what the model gives."""
    left_out: tuple[str, ...]
    """Levels that were not asked, as they take the checkpoint, or what a runner does not give."""
    broken: str = ""
    """Why it gives nothing: what transformers says, which does not load or run it; or what happened
    to the runner."""
    runner: str = ""
    """What answered in the folder's place, which the folder was handed on to."""
    not_asked: tuple[Reason, ...] = ()
    """Of a runner: why each level was left out."""
    troubles: tuple[str, ...] = ()
    """Of a runner: what of its answers could not be compared, which fails a level."""

    @property
    def holds(self) -> bool:
        """Whether no level fails."""
        return bool(self.levels) and all(level.verdict != "fail" for level in self.levels)

    def to_dict(self) -> JsonDict:
        """The same as plain data."""
        return {
            "recording": self.recording,
            "environment": dict(self.environment),
            "levels": {level.name: level.to_dict() for level in self.levels},
            "left_out": list(self.left_out),
            "broken": self.broken,
            "runner": self.runner or None,
            "limits": END_TO_END if self.runner else None,
            "not_asked": [asdict(reason) for reason in self.not_asked],
            "troubles": list(self.troubles),
        }


@dataclass(frozen=True, kw_only=True, repr=False)
class Audited(Displayed):
    """Whether a folder is the one that was proven."""

    folder: str
    verification: Verification | None
    """What the folder's own file says; None where that is not as it was written."""
    seal: str | None
    """Of that file."""
    is_sealed: bool
    """Whether that is the seal that the user named."""
    changes: tuple[Change, ...]
    beside: tuple[Reason, ...]
    """What lies in the folder and was not held against anything."""
    num_files: int
    """How many were held against their hashes."""
    num_bytes: int
    """How many of their bytes were read."""
    against: Against | None = None
    """None where no recording was named, or the folder changed, which then is not run."""

    @property
    def verdict(self) -> Verdict:
        """`match`: it is the folder that was proven; `unverified`: it is as it was written."""
        if self.changes or self.verification is None or not self.still_holds:
            return "mismatch"
        return self.verification.result.verdict

    @property
    def still_holds(self) -> bool:
        """Whether it answers as was recorded, as far as it was asked."""
        return self.against is None or self.against.holds

    @property
    def headline(self) -> str:
        """The verdict in words."""
        said = _IS[self.verdict] if self.still_holds else _FAILS
        runner = "" if self.against is None else self.against.runner
        if runner and self.still_holds:
            return f"{self.verdict}: {self.folder} {said}, and {runner} answers as was recorded"
        if runner:
            return f"{self.verdict}: {runner} does not answer as was recorded"
        return f"{self.verdict}: {self.folder} {said}"

    def grids(self) -> Iterator[Grid]:
        """What changed; then what was proven."""
        changes = [(change.kind, change.file, change.summary) for change in self.changes]
        yield Grid(headings=("", "file", ""), rows=changes)
        levels = () if self.verification is None else self.verification.result.levels
        rows = [(level.name, level.verdict, level.summary) for level in levels]
        yield Grid(headings=("level", "verdict when proven", ""), rows=rows)
        today = () if self.against is None else self.against.levels
        rows = [(level.name, level.verdict, level.summary) for level in today]
        yield Grid(headings=("level", "verdict against the recording", ""), rows=rows)

    def to_dict(self) -> JsonDict:
        """The audit as plain data."""
        proven = self.verification
        said: JsonDict = plain(
            {
                "schema_version": SCHEMA_VERSION,
                "command": "audit",
                "verdict": self.verdict,
                "folder": self.folder,
                "seal": self.seal,
                "is_sealed": self.is_sealed,
                "changes": [asdict(change) for change in self.changes],
                "beside": [asdict(reason) for reason in self.beside],
                "num_files": self.num_files,
                "num_bytes": self.num_bytes,
                "verification": None if proven is None else proven.to_dict(),
                "against": None if self.against is None else self.against.to_dict(),
            }
        )
        return said


_FAILS = "is the folder that was written, but does not answer as was recorded"
_IS = {
    "match": "is the folder that was proven",
    "mismatch": "is not the folder that was written",
    "unverified": "is the folder that was written, which nothing proves",
}
