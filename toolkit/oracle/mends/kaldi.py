"""Lets fairseq make filter banks by `torchaudio.compliance.kaldi` where torchaudio itself fails.

That module needs nothing but torch, and its package a library that was built for one torch. It is
imported alone, from an installed torchaudio or from one that stands aside, where nothing else finds
it: transformers imports whatever torchaudio is installed, and fails with it.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType
from typing import Iterator, List

from toolkit.oracle.refusal import Refusal

PACKAGE = "torchaudio"
INNER = ("", ".compliance")
"""Packages around the module, outer ones first."""
ASIDE = os.path.join(sysconfig.get_paths()["purelib"], "torchaudio_alone")
"""Where it stands aside."""


@contextmanager
def kaldi_alone() -> Iterator[None]:
    """While the context lasts, `import torchaudio.compliance.kaldi` imports that module alone.

    Raises:
        Refusal: there is no torchaudio.
    """
    if PACKAGE in sys.modules:
        yield
        return
    folder = find_torchaudio()
    for inner in INNER:
        stand_in = ModuleType(PACKAGE + inner)
        stand_in.__path__ = [os.path.join(folder, *inner.split("."))]
        sys.modules[PACKAGE + inner] = stand_in
    try:
        yield
    finally:
        for name in [name for name in sys.modules if f"{name}.".startswith(f"{PACKAGE}.")]:
            del sys.modules[name]


def find_torchaudio() -> str:
    """The folder of the package; nothing of it is imported.

    Raises:
        Refusal: there is none.
    """
    spec = find_spec(PACKAGE)
    installed = spec.submodule_search_locations if spec is not None else None
    places: List[str] = [*(installed or ()), os.path.join(ASIDE, PACKAGE)]
    found = next((place for place in places if _holds_kaldi(place)), None)
    if found is None:
        raise Refusal(
            "`torchaudio` must be installed, as fairseq makes filter banks by it, but is not. "
            "Install it where nothing else imports it: "
            f"pip install --no-deps --target {ASIDE} torchaudio"
        )
    return found


def _holds_kaldi(place: str) -> bool:
    return os.path.isfile(os.path.join(place, "compliance", "kaldi.py"))
