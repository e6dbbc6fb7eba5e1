"""Runs the conversion scripts of models that write texts, which old wheels of transformers carry.

Runs in an environment of `tests.released.environments`, with nothing of the toolkit or of fairseq:
`python sequence_scripts.py JOBS.json`, jobs of `tests.released.under.running`, each with the
`function` of the script that is called in its place, if any.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path
from typing import Any

# The scripts read files that torch has since stopped to unpickle.
os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"

sys.path.append(str(Path(__file__).parents[3]))
from tests.released.under.running import run_all


def run_script(path: Path, job: dict[str, Any]) -> None:
    """Runs one script, or calls its function."""
    if job["function"]:
        checkpoint, folder = job["words"]
        runpy.run_path(str(path))[job["function"]](checkpoint).save_pretrained(folder)
    else:
        runpy.run_path(str(path), run_name="__main__")


if __name__ == "__main__":
    run_all(Path(sys.argv[1]), run_script)
