"""The only place where the layers are put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolkit.pipeline.conversion import convert
    from toolkit.pipeline.difference import diff
    from toolkit.pipeline.inspection import inspect
    from toolkit.pipeline.verification import verify

__all__ = ["convert", "diff", "inspect", "verify"]

_HOMES = {
    "convert": "toolkit.pipeline.conversion",
    "diff": "toolkit.pipeline.difference",
    "inspect": "toolkit.pipeline.inspection",
    "verify": "toolkit.pipeline.verification",
}


def __getattr__(name: str) -> object:
    """Imports a command on first use: a conversion alone needs neither torch nor transformers."""
    if name not in _HOMES:
        raise AttributeError(f"module 'toolkit.pipeline' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
