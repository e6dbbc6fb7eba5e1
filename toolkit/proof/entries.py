"""What lies in a folder, looked at without following any link."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from toolkit.core.outputs import describe_mode

OF_THE_HUB = (".gitattributes", ".git", ".cache/huggingface")
"""What the hub and its programs add to a repository and to its copies."""


@dataclass(frozen=True, kw_only=True)
class Entries:
    """Everything in a folder, by its path in it."""

    files: Mapping[str, Path]
    """Plain files, and links into the cache of the hub, which keeps the files of a revision so."""
    others: Mapping[str, str]
    """Links that lead elsewhere, pipes, devices: each in words."""
    bookkeeping: tuple[str, ...]
    """What the hub adds; of a folder, its name alone."""


def list_entries(folder: Path) -> Entries:
    """Everything in a folder but folders.

    Raises:
        OSError: a folder in it cannot be read.
    """
    files: dict[str, Path] = {}
    others: dict[str, str] = {}
    bookkeeping: dict[str, None] = {}
    for name, path in _walk(folder):
        added = maybe_of_the_hub(name)
        what = _what(folder, path)
        if added is not None:
            bookkeeping[added] = None
        elif what is None:
            files[name] = path
        else:
            others[name] = what
    return Entries(files=files, others=others, bookkeeping=tuple(bookkeeping))


def maybe_of_the_hub(name: str) -> str | None:
    """What of the hub's own a path is, or is in; None where it is none of it."""
    return next((own for own in OF_THE_HUB if f"{name}/".startswith(f"{own}/")), None)


def _walk(folder: Path) -> Iterator[tuple[str, Path]]:
    for place, folders, names in os.walk(folder, onerror=_raise):
        for name in sorted((*names, *(n for n in folders if Path(place, n).is_symlink()))):
            path = Path(place, name)
            yield path.relative_to(folder).as_posix(), path


def _raise(error: OSError) -> NoReturn:
    raise error


def _what(folder: Path, path: Path) -> str | None:
    """What an entry is that cannot be held against a hash; None for a file."""
    mode = path.lstat().st_mode
    if stat.S_ISREG(mode) or (stat.S_ISLNK(mode) and _is_kept_in_cache(folder, path)):
        return None
    if stat.S_ISLNK(mode):
        return f"a link to `{os.readlink(path)}`"
    return describe_mode(mode)


def _is_kept_in_cache(folder: Path, path: Path) -> bool:
    """Whether a link is one of the hub's: snapshots/REVISION/.../FILE leads to blobs/HASH."""
    target = Path(os.path.realpath(path))
    places = (place.parents[1] for place in (folder, *folder.parents) if _is_revision(place))
    blobs = [Path(os.path.realpath(place / "blobs")) for place in places]
    return target.is_file() and target.parent in blobs


def _is_revision(place: Path) -> bool:
    return place.parent.name == "snapshots"
