"""Families that other packages offer by an entry point.

Source: https://packaging.python.org/specifications/entry-points/.
"""

from __future__ import annotations

import glob
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, cast

from toolkit.core.errors import BadInput

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from toolkit.families.base import Family

ENTRY_POINTS = "toolkit.families"
"""Group of the entry points by which other packages offer families."""


def offered_families() -> Iterator[Family]:
    """The families of other packages, in the order of their names.

    Raises:
        BadInput: one cannot be imported, or is none.
    """
    if not _may_be_offered():
        return
    from importlib.metadata import entry_points

    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        yield _load(point)


def _may_be_offered() -> bool:
    """Whether an installed package speaks of the group.

    Few do, and to import what knows all entry points takes a tenth of `toolkit inspect`.
    """
    others = (finder for finder in sys.meta_path if finder is not PathFinder)
    return any(hasattr(finder, "find_distributions") for finder in others) or any(
        map(_may_speak_of_it, sys.path)
    )


def _may_speak_of_it(place: str) -> bool:
    """Whether a package of `sys.path` does; what cannot be read may."""
    return Path(place).is_file() or any(
        _speaks_of_it(Path(found))
        for kind in ("*-info", "EGG-INFO")
        for found in glob.iglob(f"{glob.escape(place or '.')}/{kind}/entry_points.txt")
    )


def _speaks_of_it(entry_points: Path) -> bool:
    try:
        return ENTRY_POINTS.encode() in entry_points.read_bytes()
    except OSError:
        return True


def _load(point: EntryPoint) -> Family:
    """The family that another package offers."""
    where = f"entry point `{point.name}` of `{point.dist.name if point.dist else 'a package'}`"
    advice = "Correct the package, or uninstall it."
    try:
        family = point.load()
    except Exception as error:  # whatever code of others raises
        said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise BadInput(
            f"`{point.value}`, {where}, must be importable, but is not: {said}. {advice}"
        ) from error
    missing = [name for name in _PROTOCOL if not hasattr(family, name)]
    if missing:
        raise BadInput(
            f"`{point.value}`, {where}, must be a family as `toolkit.families.Family` describes, "
            f"but has no {', '.join(missing)}. {advice}"
        )
    return cast("Family", family)


_PROTOCOL = (
    "name",
    "matches",
    "network",
    "sidecars",
    "task",
    "shortest_input",
    "frames",
    "possible",
)
