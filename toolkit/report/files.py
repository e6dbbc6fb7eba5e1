"""Writes a report file in one step, so that nobody reads half of one."""

from __future__ import annotations

import os
from pathlib import Path

from toolkit.core.errors import BadInput


def write_bytes(path: Path, content: bytes) -> None:
    """Leaves `content` at `path`, or what was there before.

    Args:
        path: where the file goes; its folder must exist.
        content: the whole file.

    Raises:
        BadInput: the folder does not exist, `path` is a folder, or the system refuses to write.
    """
    _check_destination(path)
    # Short, because the name of the report itself may already be as long as a name can be.
    temporary = path.parent / f".report-{os.getpid()}.part"
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        message = (
            f"`{path}` must be a place where a report can be written, but the system says:"
            f" {error.strerror or error}. Choose another path."
        )
        raise BadInput(message) from error
    finally:
        _remove_leftover(temporary)


def _check_destination(path: Path) -> None:
    # `Path.is_dir` raises where a name is too long; the attempt to write words that better.
    if not os.path.isdir(path.parent):
        message = (
            f"`{path}` cannot be written: its folder must exist, but `{path.parent}` is not a"
            " folder. Create it, or choose another path."
        )
        raise BadInput(message)
    if os.path.isdir(path):
        message = (
            f"`{path}` must be the path of a report file, but is a folder."
            " Add a file name to it, or choose another path."
        )
        raise BadInput(message)


def _remove_leftover(temporary: Path) -> None:
    try:
        temporary.unlink(missing_ok=True)
    except OSError:
        # The folder cannot be written at all; the error that matters is already on its way.
        return
