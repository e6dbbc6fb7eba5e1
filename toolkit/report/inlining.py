"""Puts into one page what would otherwise be files beside it: scripts, data, the plot library."""

from __future__ import annotations

import base64
import gzip
import hashlib
import importlib.util
import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from toolkit.core.errors import InternalError

SCRIPTS = (
    "data",
    "address",
    "words",
    "tooltip",
    "map",
    "details",
    "plots",
    "heatmap",
    "sound",
    "list",
    "main",
)
"""The page's own scripts, in the order in which they stand in it."""
LIBRARY = ("bokeh.min.js", "bokeh-api.min.js")
LIBRARY_FOLDER = ("server", "static", "js")


def read_scripts(names: Iterable[str] = SCRIPTS) -> str:
    """The page's own scripts as one, with a scope of its own."""
    folder = Path(__file__).parent / "templates" / "scripts"
    parts = [(folder / f"{name}.js").read_text(encoding="utf-8") for name in names]
    return '(() => {\n"use strict";\n' + "\n".join(parts) + "})();\n"


def pack(content: bytes) -> str:
    """Bytes as compressed text, for the page to unpack when it needs them."""
    return base64.b64encode(gzip.compress(content, compresslevel=6, mtime=0)).decode("ascii")


def pack_json(value: object) -> str:
    """Plain data as compressed text."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return pack(text.encode("ascii"))


@lru_cache(maxsize=1)
def read_library() -> str:
    """The plot library, as the installed package brings it.

    Raises:
        InternalError: bokeh is not installed, or its files lie elsewhere.
    """
    spec = importlib.util.find_spec("bokeh")
    for location in (spec and spec.submodule_search_locations) or ():
        files = [Path(location, *LIBRARY_FOLDER, name) for name in LIBRARY]
        if all(file.is_file() for file in files):
            return "\n".join(file.read_text(encoding="utf-8") for file in files)
    raise InternalError(
        "The report's plots need the files of the package `bokeh`, but they are not installed. "
        "Install the toolkit again."
    )


def content_policy(scripts: Iterable[str]) -> str:
    """What the page may do: run these very scripts, style itself, and play its own audio."""
    hashes = " ".join(f"'sha256-{_hash(script)}'" for script in scripts) or "'none'"
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data:; media-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
