"""Plans and shards as files, read without running anything that such a file may say."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import is_dataclass
from importlib import import_module
from pathlib import Path

from toolkit.core.errors import InternalError

OWN = "toolkit."
"""What the modules of our classes begin with."""
RUNS = ("toolkit.__main__",)
"""What does something by being imported."""


def keep(made: object, path: Path) -> None:
    """Writes a tree of our dataclasses, with tensors in it; the file is there whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    import torch

    descriptor, name = tempfile.mkstemp(prefix=".", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            torch.save(made, file)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def kept(path: Path) -> object:
    """What `keep` wrote.

    Raises:
        InternalError: the file is damaged, or holds anything else.
    """
    import torch

    try:
        with torch.serialization.safe_globals(list(_classes_in(path))):
            made: object = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises what it likes
        raise InternalError(f"`{path}` must be what a batch wrote, but {error}") from error
    return made


def _classes_in(path: Path) -> Iterator[type]:
    """The classes that a file names, which all must be our dataclasses, paths or bytes."""
    from torch.serialization import get_unsafe_globals_in_checkpoint

    # What is empty of bytes names its class.
    plain = {f"{kind.__module__}.{kind.__name__}": kind for kind in (type(path), bytes)}
    for name in get_unsafe_globals_in_checkpoint(path):
        module, _, called = name.rpartition(".")
        if name in plain:
            yield plain[name]
            continue
        is_own = module.startswith(OWN) and module not in RUNS
        found = getattr(import_module(module), called) if is_own else None
        if not (isinstance(found, type) and is_dataclass(found)):
            raise ValueError(f"it names `{name}`")
        yield found
