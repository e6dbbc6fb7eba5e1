"""What anybody does before a comparison of encoders: load both models, run each once on a clip.

The yardstick of `make full-size`: `python -m tests.published.bare NAME CHECKPOINT HF_DIR CLIP`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
import transformers

from tests.published.full import FULL
from toolkit.audio import read_clips
from toolkit.folder.view import carries_model_code


def main(name: str, checkpoint: str, folder: str, clip: str) -> None:
    """Loads and runs."""
    full = FULL[name]
    with tempfile.TemporaryDirectory() as place:
        source = full.empty(Path(place)).eval()
    source.load_state_dict(torch.load(checkpoint, weights_only=False)["model"])
    target = _load(Path(folder))
    (heard,) = read_clips([Path(clip)])
    batch = torch.from_numpy(heard.waveform)[None]
    with torch.no_grad():
        getattr(source, full.hear)(source=batch, padding_mask=None, **full.beside)
        target(input_values=batch)


def _load(folder: Path) -> Any:
    """The model of a folder, as the class that it carries where it carries one."""
    if not carries_model_code(folder):
        return transformers.AutoModel.from_pretrained(folder)
    carried = json.loads((folder / "config.json").read_text(encoding="utf-8"))["auto_map"]
    (name,) = (name for name in carried if name.startswith("AutoModel"))
    return getattr(transformers, name).from_pretrained(folder, trust_remote_code=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
