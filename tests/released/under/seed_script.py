"""Runs the public conversion script that old wheels of transformers carry, once per job.

Runs in an environment of `tests.released.environments`, without the toolkit:
`python seed_script.py JOBS.json`, a list of lists of words, each what one run is called with.
Prints one line per job: `done`, or why the script gave up.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import traceback
from importlib.util import find_spec
from pathlib import Path

# The script and the fairseq of its time read files that torch has since stopped to unpickle.
os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"

import torch

# Its rules know the names of weight norm alone that torch had before parametrizations.
del torch.nn.utils.parametrizations.weight_norm

SCRIPT = "convert_mbart_wav2vec2_seq2seq_original_to_pytorch.py"


def script_path() -> Path:
    """Where this environment's transformers has it."""
    found = find_spec("transformers.models.speech_encoder_decoder")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).with_name(SCRIPT)


def run_script(words: list[str]) -> str:
    """What became of one run."""
    sys.argv = [SCRIPT, *words]
    try:
        runpy.run_path(str(script_path()), run_name="__main__")
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        return f"{type(error).__name__}: {str(error)[:300]}".replace("\n", " ")
    return "done"


def main(jobs: Path) -> None:
    """Runs every job of a file."""
    for words in json.loads(jobs.read_text(encoding="utf-8")):
        print(run_script(words), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
