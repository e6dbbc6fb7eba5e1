"""The result as one JSON file, for programs."""

from __future__ import annotations

import json
from pathlib import Path

from toolkit.core.result import Result
from toolkit.report.files import write_bytes


def write_json(result: Result, path: Path) -> None:
    """Writes `result.to_dict()` to `path` as strict JSON: UTF-8, indented by one.

    Raises:
        BadInput: the folder of `path` does not exist or cannot be written to.
    """
    text = json.dumps(result.to_dict(), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    # A path that is no valid UTF-8 holds lone surrogates; `\udcff` is also how JSON writes them.
    write_bytes(path, text.encode("utf-8", errors="backslashreplace"))
