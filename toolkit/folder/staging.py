"""A folder that appears whole or not at all, whatever happens to the process that writes it.

It is made in `.OUT.xxxxxxxx.partial/folder` beside its final place and gets its name by one rename.
A file `lock` beside `folder` is held while its maker lives; where nobody holds it, the maker was
killed, and the next run removes what it left.

What is published is safe from a killed process. It is not forced to the disk, which would take
several times as long as writing it: after a loss of power, convert again.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from toolkit.core.errors import BadInput
from toolkit.folder.renaming import rename_to_new

MARKER = b"A toolkit run makes a folder here. Where none runs any more, remove it.\n"
"""What the lock file holds, so that nobody else's folder is taken for one of these."""

_LOCK, _FOLDER = "lock", "folder"
_NAME = re.compile(r"\..+\.[a-z0-9_]{8}\.partial", re.DOTALL)
_ATTEMPTS = 100
_BINARY = getattr(os, "O_BINARY", 0)
"""Windows would write two characters for the end of a line."""
_AS_IT_IS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Neither the end of a link nor a pipe that waits; where they cannot be asked for, what is open is
compared with what is there."""
_REFUSALS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}
"""What a file system says when it cannot take any more."""


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
        try:
            rename_to_new(self.path, self.destination)
        except (FileExistsError, NotADirectoryError) as error:
            raise _existing(self.destination) from error
        except OSError as error:
            if error.errno == errno.ENOTEMPTY:
                raise _existing(self.destination) from error
            raise BadInput(
                f"`{self.destination}` must be a possible name of a folder, but {error.strerror}. "
                "Choose another OUT."
            ) from error


@contextmanager
def staged_folder(destination: Path) -> Iterator[StagedFolder]:
    """A folder under construction, removed at the end unless it was published.

    Raises:
        BadInput: `destination` exists, its parent is missing or not writable, or the disk is full.
    """
    if os.path.lexists(destination):
        raise _existing(destination)
    parent = destination.absolute().parent
    if not parent.is_dir():
        raise BadInput(
            f"`{destination}` must lie in an existing folder, but `{parent}` is none. "
            "Create it first."
        )
    remove_leftovers(parent)
    with ExitStack() as stack:
        try:
            place = stack.enter_context(_locked_place(destination.name, parent))
            (place / _FOLDER).mkdir()
        except OSError as error:
            raise BadInput(
                f"`{destination}` must be in a writable folder, but `{parent}` is not: "
                f"{error.strerror}. Choose another OUT."
            ) from error
        try:
            yield StagedFolder(place / _FOLDER, destination)
        except OSError as error:
            if error.errno not in _REFUSALS:
                raise
            raise BadInput(
                f"`{destination}` must be written whole, but {error.strerror}. Make room, or "
                "choose another OUT."
            ) from error


def remove_leftovers(parent: Path) -> None:
    """Removes what killed runs of this user left in a folder; what living ones make there stays."""
    try:
        names = [entry.name for entry in os.scandir(parent) if _is_own_place(entry)]
    except OSError:
        return  # a folder that cannot be listed can still be written
    for name in names:
        place = parent / name
        with suppress(OSError):
            # Killed between making the place and making its lock: nothing is in it.
            place.rmdir()
        with suppress(OSError):
            with _held(place / _LOCK):
                _remove_folder(place)
            _remove_rest(place)


def _is_own_place(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder of such a name, no link, that this user made.

    In a folder that all may write to, somebody else can give any folder that name.
    """
    if not _NAME.fullmatch(entry.name) or not entry.is_dir(follow_symlinks=False):
        return False
    status = entry.stat(follow_symlinks=False)
    # Windows has no such numbers, but folders that lead elsewhere and are no links.
    is_own = not hasattr(os, "geteuid") or status.st_uid == os.geteuid()
    return is_own and not getattr(status, "st_reparse_tag", 0)


@contextmanager
def _locked_place(name: str, parent: Path) -> Iterator[Path]:
    """A new place for a folder, with its lock held; removed at the end."""
    for _ in range(_ATTEMPTS):
        place = Path(tempfile.mkdtemp(prefix=f".{name}.", suffix=".partial", dir=parent))
        try:
            lock = _make_lock(place / _LOCK)
        except FileNotFoundError:
            continue  # another run took the new, still empty place for a leftover
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        if lock is not None:
            break
    else:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
    try:
        yield place
    finally:
        _remove_folder(place)
        os.close(lock)
        _remove_rest(place)


def _remove_folder(place: Path) -> None:
    """Removes what was made; the lock stays, as nothing else tells what the place is."""
    shutil.rmtree(place / _FOLDER, ignore_errors=True)


def _remove_rest(place: Path) -> None:
    """Removes the lock and the place, after the lock was closed: Windows removes no open file."""
    shutil.rmtree(place, ignore_errors=True)


def _make_lock(path: Path) -> int | None:
    """The descriptor of a new lock that is held, or None where a cleaning run was faster."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, 0o600)
    try:
        is_free = _lock_or_do_without(file)
        os.write(file, MARKER)
    except BaseException:
        os.close(file)
        raise
    if is_free and _is_there(path, file):
        return file
    os.close(file)
    return None


def _lock_or_do_without(file: int) -> bool:
    try:
        _lock(file)
    except BlockingIOError:
        return False
    except OSError:
        # A file system without locks, where nothing is removed either.
        return True
    return True


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """Holds the lock of a place whose maker is gone.

    Raises:
        OSError: the maker lives, or the place is none of ours.
    """
    if not stat.S_ISREG(path.lstat().st_mode):
        raise _no_lock()
    file = os.open(path, os.O_RDWR | _AS_IT_IS | _BINARY)
    try:
        _lock(file)
        is_ours = stat.S_ISREG(os.fstat(file).st_mode) and _is_marker(os.read(file, 4096))
        if not is_ours or not _is_there(path, file):
            raise _no_lock()
        yield
    finally:
        os.close(file)


def _is_marker(content: bytes) -> bool:
    # Killed while it wrote the marker, or on a full disk.
    return MARKER.startswith(content)


def _no_lock() -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


def _lock(file: int) -> None:
    """Holds the lock of a file until its descriptor is closed, or its process ends.

    Raises:
        BlockingIOError: somebody else holds it.
        OSError: the file system has no locks.
    """
    from filelock import lock_descriptor

    if not lock_descriptor(file, blocking=False):
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))


def _is_there(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(file))
    except FileNotFoundError:
        return False


def _existing(destination: Path) -> BadInput:
    return BadInput(f"`{destination}` must not exist yet, but does. Choose a new name for OUT.")
