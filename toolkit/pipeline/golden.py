"""The checkpoints that come with the toolkit: a small one of every family, and of further kinds."""

from __future__ import annotations

from pathlib import Path

from toolkit.audio import golden_folder
from toolkit.checkpoint import open_checkpoint
from toolkit.core.errors import BadInput
from toolkit.families import find_family
from toolkit.mapping.problems import suggest

UNTRAINED = "untrained"
"""Folder of those that know nothing of the golden clips: fairseq built them with random weights.
Each lies in a folder that is called after its family, or kind."""
CHOOSING = "pretraining"
"""Folder of one that was trained to choose among values itself; its family has another to break."""
_FILE = "model.pt"


def golden_checkpoint() -> Path:
    """The one that is meant where none is named; what it needs beside it stands there."""
    return golden_folder() / "checkpoint" / _FILE


def golden_checkpoints() -> dict[str, Path]:
    """Those that can be broken, by the names of their families, or of their kinds."""
    found = sorted(golden_folder().rglob(_FILE))
    return {_name(path): path for path in found if path.parent.name != CHOOSING}


def golden_of(family: str) -> Path:
    """The golden checkpoint of a family, or of a kind.

    Raises:
        BadInput: there is none.
    """
    known = golden_checkpoints()
    if family not in known:
        raise BadInput(
            f"`--family` must name one of the {len(known)} golden checkpoints, but is "
            f"{family[:80]!r} ({suggest(family, known)}). Name one of them, or a checkpoint of "
            "another family."
        )
    return known[family]


def _name(path: Path) -> str:
    if path.parent.parent.name == UNTRAINED:
        return path.parent.name
    return find_family(open_checkpoint(path)).name
