"""Paths that remember where their file came from."""

from __future__ import annotations

import re
from pathlib import Path

_SCHEME = re.compile(r"^(hf|https?):/+")


class FetchedPath(type(Path())):  # type: ignore[misc]  # the class for this system's paths
    """A file or folder in a cache, which people know under another name.

    What is made of it, a parent say, is a path like any other.
    """

    origin: str = ""
    """That name, with the revision: `hf://org/name@1f2e.../model.pt`."""

    def __reduce__(self) -> tuple[object, ...]:
        return fetched, (str(self), self.origin)


def fetched(path: str | Path, origin: str) -> FetchedPath:
    """A path in a cache with the name that it is known by."""
    made = FetchedPath(path)
    made.origin = origin
    return made


def spelled(path: Path) -> str:
    """A path as a user types it: where it was fetched from, if it was.

    What was typed as an address has lost a slash as a path, and has it again.
    """
    origin = path.origin if isinstance(path, FetchedPath) else ""
    return origin or _SCHEME.sub(r"\1://", str(path))
