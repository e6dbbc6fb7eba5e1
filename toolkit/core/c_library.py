"""Functions of the system's C library that Python has no name for, where it has them."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable


def maybe_c_function(name: str) -> Callable[..., int] | None:
    """A function of the C library that this process is linked to; None where there is none.

    Args:
        name: Such as `renameat2`, which is Linux's, or `renamex_np`, which is macOS's.
    """
    try:
        library = ctypes.CDLL(None, use_errno=True)
    except (OSError, TypeError):  # Windows has no library without a name
        return None
    return getattr(library, name, None)


def expect_success(code: int) -> None:
    """Turns what a function of the C library returned into what Python raises.

    Raises:
        OSError: it is not 0.
    """
    if code:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
