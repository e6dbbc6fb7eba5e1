"""What an audit of a folder found, as data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from toolkit.core.artifact import SCHEMA_VERSION
from toolkit.core.coverage import Reason
from toolkit.core.json import JsonDict, plain
from toolkit.core.notebook import Displayed, Grid
from toolkit.core.result import Verdict
from toolkit.proof.document import Verification

ChangeKind = Literal["changed", "missing", "added", "renamed", "no file", "document", "seal"]
BY_WHOM = (
    "by whom: whoever changes a folder can write its `verification.json` anew. Name the seal that "
    "its author published with `--seal`"
)
"""What an audit does not show unless it was given a seal."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing about a folder that is not as it was written."""

    kind: ChangeKind
    file: str
    """Its path in the folder."""
    summary: str
    """What was expected and what was found."""


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

    @property
    def verdict(self) -> Verdict:
        """`match`: it is the folder that was proven; `unverified`: it is as it was written."""
        if self.changes or self.verification is None:
            return "mismatch"
        return self.verification.result.verdict

    @property
    def headline(self) -> str:
        """The verdict in words."""
        return f"{self.verdict}: {self.folder} {_IS[self.verdict]}"

    def grids(self) -> Iterator[Grid]:
        """What changed; then what was proven."""
        changes = [(change.kind, change.file, change.summary) for change in self.changes]
        yield Grid(headings=("", "file", ""), rows=changes)
        levels = () if self.verification is None else self.verification.result.levels
        rows = [(level.name, level.verdict, level.summary) for level in levels]
        yield Grid(headings=("level", "verdict when proven", ""), rows=rows)

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
            }
        )
        return said


_IS = {
    "match": "is the folder that was proven",
    "mismatch": "is not the folder that was written",
    "unverified": "is the folder that was written, which nothing proves",
}
