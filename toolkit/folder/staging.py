"""A folder that appears whole or not at all, whatever happens to the process that writes it.

It is made in `.OUT.xxxxxxxx.partial/folder` beside its final place and gets its name by one rename.
A file `lock` beside `folder` is held while its maker lives; where nobody holds it, the maker was
killed, and the next run removes what it left.

What is published is safe from a killed process. It is not forced to the disk, which would take
several times as long as writing it: after a loss of power, convert again.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from toolkit.core.errors import BadInput

MARKER = b"A toolkit run makes a folder here. Where none runs any more, remove it.\n"
"""What the lock file holds, so that nobody else's folder is taken for one of these."""

_LOCK, _FOLDER = "lock", "folder"
_NAME = re.compile(r"\..+\.[a-z0-9_]{8}\.partial", re.DOTALL)
_ATTEMPTS = 100
_REFUSALS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}
"""What a file system says when it cannot take any more."""

_AT_FDCWD, _RENAME_NOREPLACE = -100, 1


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
            _rename_to_new(self.path, self.destination)
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
        with suppress(OSError), _held(place / _LOCK):
            _remove(place)


def _is_own_place(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder of such a name, no link, that this user made.

    In a folder that all may write to, somebody else can give any folder that name.
    """
    if not _NAME.fullmatch(entry.name) or not entry.is_dir(follow_symlinks=False):
        return False
    return entry.stat(follow_symlinks=False).st_uid == os.geteuid()


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
        _remove(place)
        os.close(lock)


def _remove(place: Path) -> None:
    """Removes a place; the lock goes last, as nothing else tells what it is if this is killed."""
    shutil.rmtree(place / _FOLDER, ignore_errors=True)
    shutil.rmtree(place, ignore_errors=True)


def _make_lock(path: Path) -> int | None:
    """The descriptor of a new lock that is held, or None where a cleaning run was faster."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
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
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _lock(file)
        is_ours = stat.S_ISREG(os.fstat(file).st_mode) and _is_marker(os.read(file, 4096))
        if not is_ours or not _is_there(path, file):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        yield
    finally:
        os.close(file)


def _is_marker(content: bytes) -> bool:
    # Killed while it wrote the marker, or on a full disk.
    return MARKER.startswith(content)


def _lock(file: int) -> None:
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_there(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(file))
    except FileNotFoundError:
        return False


def _rename_to_new(source: Path, target: Path) -> None:
    """Renames without replacing anything, not even an empty folder that appeared meanwhile."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is not None:
        names = (os.fsencode(source), os.fsencode(target))
        if not rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_NOREPLACE):
            return
        code = ctypes.get_errno()
        if code not in (errno.EINVAL, errno.ENOSYS):
            raise OSError(code, os.strerror(code))
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    source.rename(target)


def _existing(destination: Path) -> BadInput:
    return BadInput(f"`{destination}` must not exist yet, but does. Choose a new name for OUT.")
