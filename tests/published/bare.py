"""What anybody does before a comparison of encoders: load both models, run each once on a clip.

The yardstick of `make full-size`: `python -m tests.published.bare NAME CHECKPOINT HF_DIR CLIP`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import torch
import transformers

from tests.published.building import build_empty
from tests.published.settings import PUBLISHED
from toolkit.audio import read_clips
from toolkit.folder.view import carries_model_code


def main(name: str, checkpoint: str, folder: str, clip: str) -> None:
    """Loads and runs."""
    (published,) = (one for one in PUBLISHED if one.name == name)
    with tempfile.TemporaryDirectory() as place:
        source = build_empty(published, Path(place)).eval()
    source.load_state_dict(torch.load(checkpoint, weights_only=False)["model"])
    target = transformers.AutoModel.from_pretrained(
        folder, trust_remote_code=carries_model_code(Path(folder))
    )
    (heard,) = read_clips([Path(clip)])
    batch = torch.from_numpy(heard.waveform)[None]
    with torch.no_grad():
        source.extract_features(source=batch, padding_mask=None, mask=False)
        target(input_values=batch)


if __name__ == "__main__":
    main(*sys.argv[1:])
