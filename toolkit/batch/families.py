"""Of which family a checkpoint is, asked before anything is done with it."""

from __future__ import annotations

from pathlib import Path

from toolkit.checkpoint import open_checkpoint
from toolkit.core.errors import ToolkitError
from toolkit.families import find_family


def maybe_family(checkpoint: Path) -> str | None:
    """The name of its family; None where none knows it, which its job will say better."""
    try:
        return find_family(open_checkpoint(checkpoint)).name
    except (OSError, ToolkitError):
        return None
