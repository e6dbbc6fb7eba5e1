"""What can be done with a checkpoint: one file a kind. A new file is found by itself."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules

from toolkit.batch.kind import Kind


@lru_cache(maxsize=1)
def kinds() -> Mapping[str, Kind]:
    """Every kind by its name: each module of this package has a `KIND`."""
    found = (import_module(f"{__name__}.{module.name}").KIND for module in iter_modules(__path__))
    return {kind.name: kind for kind in found}
