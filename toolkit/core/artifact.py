"""What every outcome names: its version as data, and the files and folders that took part."""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA_VERSION = 1
"""Of the JSON that other programs read."""


@dataclass(frozen=True, kw_only=True)
class FileDigest:
    """What identifies the content of a file."""

    sha256: str
    num_bytes: int


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A file or folder that took part, with the hash that identifies it."""

    path: str
    sha256: str | None
    """None where nobody looked."""
