"""A folder that appears whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from toolkit.core.errors import BadInput


class StagedFolder:
    """A folder under construction beside its final place."""

    def __init__(self, path: Path, destination: Path) -> None:
        self.path = path
        self.destination = destination

    def publish(self) -> None:
        """Gives the folder its final name; after that nothing can be half-written.

        Raises:
            BadInput: something appeared at the destination meanwhile.
        """
        _refuse_existing(self.destination)
        self.path.rename(self.destination)


@contextmanager
def staged_folder(destination: Path) -> Iterator[StagedFolder]:
    """A temporary sibling of `destination`, removed at the end unless it was published.

    Raises:
        BadInput: `destination` exists, or its parent is missing or not writable.
    """
    _refuse_existing(destination)
    parent = destination.absolute().parent
    if not parent.is_dir():
        raise BadInput(
            f"`{destination}` must lie in an existing folder, but `{parent}` is none. "
            "Create it first."
        )
    try:
        path = Path(tempfile.mkdtemp(prefix=f".{destination.name}.", suffix=".partial", dir=parent))
    except OSError as error:
        raise BadInput(
            f"`{destination}` must be in a writable folder, but `{parent}` is not: "
            f"{error.strerror}. Choose another OUT."
        ) from error
    try:
        path.chmod(0o755)
        yield StagedFolder(path, destination)
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _refuse_existing(destination: Path) -> None:
    if os.path.lexists(destination):
        raise BadInput(
            f"`{destination}` must not exist yet, but does. Remove it, or choose another OUT."
        )
