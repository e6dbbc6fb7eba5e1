"""Runs one script that the wheel of transformers at hand carries, and says what became of it.

Runs in an environment of `tests.released.environments`, without the toolkit and without fairseq.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ENDED = "ended: "
"""What the lines begin with that are not the scripts' own."""


def run_all(listed: Path, run: Callable[[Path, dict[str, Any]], None]) -> None:
    """Runs every job of a file; prints a line for each, `ended: done` or why it gave up.

    Args:
        listed: A list of jobs, each with its `script` by its path in the wheel, the `words` that it
            is called with, and what else `run` wants.
        run: Runs the script at a path, for a job.
    """
    for job in json.loads(listed.read_text(encoding="utf-8")):
        print(ENDED + _ended(job, run), flush=True)


def _ended(job: dict[str, Any], run: Callable[[Path, dict[str, Any]], None]) -> str:
    path = script_path(job["script"])
    sys.argv = [path.name, *job["words"]]
    try:
        run(path, job)
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        return f"{type(error).__name__}: {str(error)[:300]}".replace("\n", " ")
    return "done"


def script_path(name: str) -> Path:
    """Where this environment's transformers has it."""
    found = find_spec("transformers")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "models" / name
