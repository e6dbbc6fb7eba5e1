"""What is sent to the hub, or would be, as data."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from toolkit.core.artifact import SCHEMA_VERSION
from toolkit.core.json import JsonDict


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """A folder and the repository that it goes to."""

    folder: str
    repository: str
    verdict: str
    """What the folder says of itself: `match`, `unverified`."""
    seal: str
    is_new: bool
    """Whether the repository is yet to be made."""
    is_private: bool
    new: dict[str, int]
    """Files that are not there yet, with their sizes in bytes."""
    replaced: dict[str, int]
    """Files that take the place of others."""
    same: tuple[str, ...]
    """Files that are there already."""
    beside: tuple[str, ...]
    """What else is there, and stays."""
    is_known: bool
    """Whether somebody is logged in to the hub here."""
    commit: str | None = None
    """What holds it now; None where nothing was sent."""

    @property
    def num_bytes(self) -> int:
        """How much is sent."""
        return sum((*self.new.values(), *self.replaced.values()))

    def to_dict(self) -> JsonDict:
        """The same as plain data."""
        return {
            "schema_version": SCHEMA_VERSION,
            "command": "push",
            **asdict(self),
            "same": list(self.same),
            "beside": list(self.beside),
            "num_bytes": self.num_bytes,
        }
