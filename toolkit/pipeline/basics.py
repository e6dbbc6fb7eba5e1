"""What every command shares and nothing heavy is imported for."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol

from toolkit.core.version import __version__


class Progress(Protocol):
    """Hears how far a command is."""

    def __call__(self, what: str, done: int, total: int, unit: str = "steps", /) -> None:
        """Takes what is being done, how much of it is done, and how much there is.

        Args:
            what: In words.
            done: In units.
            total: In units.
            unit: `steps`, or `bytes` where a rate and the time left make sense.
        """
        ...


def silent(_what: str, _done: int, _total: int, _unit: str = "steps") -> None:
    """Progress that nobody watches."""
    return


def environment() -> dict[str, str]:
    """Versions of everything that takes part."""
    names = {
        "torch": "torch",
        "transformers": "transformers",
        "tokenizers": "tokenizers",
        "sentencepiece": "sentencepiece",
        "fairseq": "ve-fairseq",
    }
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "toolkit": __version__,
        **{name: _version(package) for name, package in names.items()},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
