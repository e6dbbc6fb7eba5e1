"""The result as one JSON file, for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.core.json import JsonObject, plain
from toolkit.report.files import write_bytes

if TYPE_CHECKING:
    from toolkit.core.result import Result


def write_json(result: Result, path: Path) -> None:
    """Writes `result.to_dict()` to `path`; see `render_json`.

    Raises:
        BadInput: the folder of `path` does not exist or cannot be written to.
    """
    write_bytes(path, render_json(result.to_dict()))


def render_json(values: JsonObject) -> bytes:
    """Plain data as strict JSON: UTF-8, indented by one, infinite numbers as strings."""
    text = json.dumps(plain(values), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    # A path that is no valid UTF-8 holds lone surrogates; `\\udcff` is also how JSON writes them.
    return text.encode("utf-8", errors="backslashreplace")
