"""Spares fairseq what it imports for scores that nothing here asks for.

A criterion and a task of its own import scikit-learn and scipy's statistics at once, which takes as
long as all of fairseq. They get functions that import the packages when they are called.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Callable, Dict

SPARED = ("sklearn", "sklearn.metrics", "scipy.stats")
"""Outer packages before what they hold."""


def import_fairseq() -> None:
    """Imports fairseq, and afterwards leaves no trace of what stood in for other packages."""
    missing = [name for name in SPARED if name not in sys.modules]
    stand_ins: Dict[str, ModuleType] = {name: _Later(name) for name in missing}
    sys.modules.update(stand_ins)
    try:
        import fairseq  # noqa: F401
    finally:
        for name in stand_ins:
            del sys.modules[name]


class _Later(ModuleType):
    """A module whose functions are imported when they are called."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        inner = f"{self.__name__}.{name}"
        return sys.modules[inner] if inner in SPARED else _later(self.__name__, name)


def _later(module: str, name: str) -> Callable[..., object]:
    def call(*args: object, **named: object) -> object:
        return getattr(import_module(module), name)(*args, **named)

    return call
