"""Whether what is to be written fits where it is to be."""

from __future__ import annotations

import shutil
from pathlib import Path

from toolkit.core.errors import BadInput
from toolkit.report.text import describe_bytes


def maybe_free_bytes(out: Path) -> int | None:
    """Room where a folder is to lie; None where the system does not say."""
    usage = getattr(shutil, "disk_usage", None)
    return None if usage is None else int(usage(out.absolute().parent).free)


def expect_room(out: Path, num_bytes: int) -> None:
    """Refuses to begin what the disk cannot hold.

    Args:
        out: The folder that is to be written.
        num_bytes: What its weights take.

    Raises:
        BadInput: there is less room.
    """
    free = maybe_free_bytes(out)
    if free is not None and free < num_bytes:
        raise BadInput(
            f"`{out}` must have room for {describe_bytes(num_bytes)} of weights, but "
            f"{describe_bytes(free)} are free there. Make room, or choose another OUT."
        )
