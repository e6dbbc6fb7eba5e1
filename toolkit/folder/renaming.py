"""A rename that takes nobody's place, not even that of an empty folder."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

from toolkit.core.c_library import expect_success, maybe_c_function

_AT_FDCWD, _RENAME_NOREPLACE = -100, 1
"""Numbers of Linux's `renameat2`."""
_RENAME_EXCL = 4
"""A number of macOS's `renamex_np`."""
_UNABLE = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
"""What says that the kernel or the file system has no such rename."""


def rename_to_new(source: Path, target: Path) -> None:
    """Renames a folder or file without replacing anything that appeared at the target meanwhile.

    The kernel is asked for it where it can: by `renameat2` on Linux, by `renamex_np` on macOS.
    Windows replaces no folder anyway. Elsewhere the target is looked at just before: a folder with
    something in it, a file or a link still stay, as POSIX renames no folder over them; a file gets
    its name as a second one, where the file system has such links.

    Raises:
        FileExistsError: something is there.
        OSError: it cannot be renamed.
    """
    for rename in (_by_renameat2, _by_renamex_np):
        try:
            if rename(os.fsencode(source), os.fsencode(target)):
                return
        except OSError as error:
            if error.errno not in _UNABLE:
                raise
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    if source.is_file() and _has_linked(source, target):
        source.unlink()
    else:
        source.rename(target)


def _has_linked(source: Path, target: Path) -> bool:
    """Whether a file now has a second name; False where the file system has no such names.

    Raises:
        FileExistsError: something has that name.
    """
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        return False
    return True


def _by_renameat2(source: bytes, target: bytes) -> bool:
    return _call("renameat2", (_AT_FDCWD, source, _AT_FDCWD, target, _RENAME_NOREPLACE))


def _by_renamex_np(source: bytes, target: bytes) -> bool:
    return _call("renamex_np", (source, target, _RENAME_EXCL))


def _call(name: str, arguments: tuple[int | bytes, ...]) -> bool:
    """Whether there is such a function; it is called then."""
    function: Callable[..., int] | None = maybe_c_function(name)
    if function is None:
        return False
    expect_success(function(*arguments))
    return True
