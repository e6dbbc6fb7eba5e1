"""What `toolkit record` has written, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from toolkit.core.artifact import SCHEMA_VERSION, Artifact
from toolkit.core.json import JsonDict


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A recording of fairseq, in a folder."""

    source: Artifact
    """The checkpoint."""
    path: str
    """The folder."""
    num_bytes: int
    clips: tuple[tuple[str, float], ...]
    """Names and lengths in seconds."""
    environment: Mapping[str, str]
    """Versions of what made it."""

    def to_dict(self) -> JsonDict:
        """The recording as plain data that `json.dumps` takes."""
        return {
            "schema_version": SCHEMA_VERSION,
            "command": "record",
            "source": asdict(self.source),
            "path": self.path,
            "num_bytes": self.num_bytes,
            "clips": [{"name": name, "duration_s": seconds} for name, seconds in self.clips],
            "environment": dict(self.environment),
        }
