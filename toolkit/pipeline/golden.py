"""The checkpoints that come with the toolkit: a small one of every family."""

from __future__ import annotations

from pathlib import Path

from toolkit.audio import golden_folder
from toolkit.checkpoint import open_checkpoint
from toolkit.core.errors import BadInput
from toolkit.families import find_family

UNTRAINED = "untrained"
"""Folder of those that know nothing of the golden clips: fairseq built them with random weights."""
_FILE = "model.pt"


def golden_checkpoint() -> Path:
    """The one that is meant where none is named; what it needs beside it stands there."""
    return golden_folder() / "checkpoint" / _FILE


def golden_checkpoints() -> dict[str, Path]:
    """All of them by the names of their families."""
    found = sorted(golden_folder().rglob(_FILE))
    return {find_family(open_checkpoint(path)).name: path for path in found}


def golden_of(family: str) -> Path:
    """The golden checkpoint of a family.

    Raises:
        BadInput: the family has none.
    """
    known = golden_checkpoints()
    if family not in known:
        raise BadInput(
            f"`--family` must be one of {', '.join(known)}, which have a golden checkpoint, but is "
            f"{family!r}. Name a checkpoint of another family instead."
        )
    return known[family]
