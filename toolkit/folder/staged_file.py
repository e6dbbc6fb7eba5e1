"""A file that appears whole or not at all, with others beside it that belong to it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from toolkit.core.errors import BadInput, reason_of
from toolkit.folder.renaming import rename_to_new
from toolkit.folder.staging import staged_folder


@dataclass(frozen=True, kw_only=True)
class StagedFile:
    """A file under construction, in a folder of its own with what is to stand beside it."""

    path: Path
    """Where it is made; it has its final name already."""
    destination: Path

    def publish(self) -> tuple[Path, ...]:
        """Gives everything its final place, the file last; nothing that is there is replaced.

        Returns:
            What now stands beside the file; what stood there already, byte for byte, included.

        Raises:
            BadInput: another file appeared at one of the places meanwhile; nothing was left then.
        """
        beside = [path for path in sorted(self.path.parent.iterdir()) if path != self.path]
        expect_free(self.destination, {path.name: path for path in beside})
        placed: list[Path] = []
        try:
            for path in (*beside, self.path):
                place = self.destination.parent / path.name
                if not _is_there(path, place):
                    rename_to_new(path, place)
                    placed.append(place)
        except BaseException as error:
            if self.destination not in placed:
                for place in placed:
                    place.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise BadInput(
                    f"`{self.destination}` must be a new name, but {reason_of(error)}. Choose "
                    "another OUT."
                ) from error
            raise
        return tuple(self.destination.parent / path.name for path in beside)


@contextmanager
def staged_file(destination: Path) -> Iterator[StagedFile]:
    """A file under construction beside its final place, removed at the end unless published.

    Killed amid its appearance, a run may leave what belongs beside the file, never a part of the
    file; the same command continues from there.

    Raises:
        BadInput: `destination` exists, its parent is missing or not writable, or the disk is full.
    """
    with staged_folder(destination) as staged:
        yield StagedFile(path=staged.path / destination.name, destination=destination)


def expect_free(destination: Path, beside: Mapping[str, bytes | Path]) -> None:
    """Makes sure that what belongs beside a file takes nobody's place.

    Args:
        destination: The file's final place.
        beside: What belongs there by name, wherever its content lies now.

    Raises:
        BadInput: another file of such a name stands there, or the file itself is to have one.
    """
    if destination.name in beside:
        raise BadInput(
            f"`{destination}` must have another name than `{destination.name}`, which belongs "
            "beside it. Choose another OUT."
        )
    places = {destination.parent / name: content for name, content in beside.items()}
    taken = [
        place
        for place, content in places.items()
        if os.path.lexists(place) and not _is_there(content, place)
    ]
    if taken:
        names = ", ".join(f"`{place}`" for place in taken)
        raise BadInput(
            f"`{destination}` must get {names} beside it, but another file is there, which is not "
            "replaced. Choose an OUT in a new folder."
        )


def _is_there(content: bytes | Path, place: Path) -> bool:
    """Whether the very content stands at a place already."""
    wanted = content if isinstance(content, bytes) else content.read_bytes()
    return place.is_file() and place.read_bytes() == wanted
