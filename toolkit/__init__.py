"""Converts fairseq speech models to Hugging Face transformers, and proves the conversion.

`convert`, `verify`, `diff` and `inspect` return frozen results whose `to_dict()` is the JSON that
the command line writes. They print nothing and never exit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.core.errors import BadInput, BrokenRule, InternalError, ToolkitError
    from toolkit.core.inspection import Inspection
    from toolkit.core.result import Result
    from toolkit.pipeline import convert, diff, inspect, verify

__all__ = [
    "BadInput",
    "BrokenRule",
    "Inspection",
    "InternalError",
    "Result",
    "ToolkitError",
    "convert",
    "diff",
    "inspect",
    "verify",
]

_HOMES = {
    "BadInput": "toolkit.core.errors",
    "BrokenRule": "toolkit.core.errors",
    "InternalError": "toolkit.core.errors",
    "ToolkitError": "toolkit.core.errors",
    "Inspection": "toolkit.core.inspection",
    "Result": "toolkit.core.result",
    "convert": "toolkit.pipeline",
    "diff": "toolkit.pipeline",
    "inspect": "toolkit.pipeline",
    "verify": "toolkit.pipeline",
}


def __getattr__(name: str) -> Any:
    """Imports a public name on first use, so that `import toolkit` and `--help` are instant."""
    if name not in _HOMES:
        raise AttributeError(f"module 'toolkit' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
