"""Runs the conversion scripts of models that write texts, which old wheels of transformers carry.

Runs in an environment of `tests.released.environments`, without the toolkit and without fairseq:
`python sequence_scripts.py JOBS.json`, a list of jobs: the `script` by its path in the wheel, the
`words` that it is called with, and the `function` that is called in its place, if any. Prints one
line per job beside what the scripts print: `ended: done`, or why a script gave up.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import traceback
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# The scripts read files that torch has since stopped to unpickle.
os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"

ENDED = "ended: "
"""What the lines begin with that are not the scripts' own."""


def main(listed: Path) -> None:
    """Runs every job of a file."""
    for job in json.loads(listed.read_text(encoding="utf-8")):
        print(ENDED + run_job(job), flush=True)


def run_job(job: dict[str, Any]) -> str:
    """What became of one run."""
    path = script_path(job["script"])
    sys.argv = [path.name, *job["words"]]
    try:
        if job["function"]:
            checkpoint, folder = job["words"]
            runpy.run_path(str(path))[job["function"]](checkpoint).save_pretrained(folder)
        else:
            runpy.run_path(str(path), run_name="__main__")
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


if __name__ == "__main__":
    main(Path(sys.argv[1]))
