"""Whether what is to be written fits where it is to be."""

from __future__ import annotations

import shutil
from pathlib import Path

from toolkit.core.errors import BadInput
from toolkit.report.text import describe_bytes


def free_bytes(out: Path) -> int:
    """Room where a folder is to lie."""
    return shutil.disk_usage(out.absolute().parent).free


def expect_room(out: Path, num_bytes: int) -> None:
    """Refuses to begin what the disk cannot hold.

    Args:
        out: The folder that is to be written.
        num_bytes: What its weights take.

    Raises:
        BadInput: there is less room.
    """
    free = free_bytes(out)
    if free < num_bytes:
        raise BadInput(
            f"`{out}` must have room for {describe_bytes(num_bytes)} of weights, but "
            f"{describe_bytes(free)} are free there. Make room, or choose another OUT."
        )
