"""What takes part in a run: versions, for which nothing is imported."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from toolkit.core.version import __version__


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
