"""Keeps recordings under what they are recordings of, so that none is made twice."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from toolkit.core.errors import BadInput
from toolkit.folder.staging import staged_folder


def cache_folder() -> Path:
    """`$TOOLKIT_CACHE`, else the user's cache folder; it need not be there."""
    own = os.environ.get("TOOLKIT_CACHE")
    shared = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(own) if own else shared / "fairseq-hf-toolkit"


def recordings_folder() -> Path:
    """Where recordings are kept, in `cache_folder`.

    Raises:
        BadInput: it cannot be made.
    """
    folder = cache_folder() / "recordings"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"`{folder}` must be a folder to keep recordings in, but {error.strerror}. Name "
            "another with `TOOLKIT_CACHE`."
        ) from error
    return folder


def keep_recording(
    key: str, check: Callable[[Path], object], make: Callable[[Path], object]
) -> Path:
    """The recording with a key, made if there is none or if the one that is there is unfit.

    Args:
        key: What it is a recording of.
        check: Raises `BadInput` for an unfit folder.
        make: Writes the folder; it does not exist yet.

    Raises:
        BadInput: it cannot be made.
    """
    folder = recordings_folder() / key
    if _is_fit(folder, check):
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    with staged_folder(folder) as staged:
        staged.path.rmdir()
        make(staged.path)
        try:
            staged.publish()
        except BadInput:
            # Another run was faster.
            if not _is_fit(folder, check):
                raise
    return folder


def _is_fit(folder: Path, check: Callable[[Path], object]) -> bool:
    if not folder.is_dir():
        return False
    try:
        check(folder)
    except BadInput:
        return False
    return True
