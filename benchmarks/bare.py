"""What anybody does before a comparison: load both models, run each once on every clip.

The yardstick of the proof in `benchmarks/prove.py`; nothing is hooked, compared or kept:
`python -m benchmarks.bare CHECKPOINT HF_DIR CLIP...`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import transformers

from benchmarks.seed_algorithm import load_with_fairseq
from toolkit.audio import read_clips
from toolkit.folder.view import carries_model_code

START = 2


def main(checkpoint: Path, folder: Path, *audio: Path) -> None:
    """Loads and runs."""
    source = load_with_fairseq(checkpoint).eval()
    target = transformers.AutoModelForSpeechSeq2Seq.from_pretrained(
        folder, trust_remote_code=carries_model_code(folder)
    )
    tokens = torch.tensor([[START]])
    with torch.no_grad():
        for clip in read_clips(audio):
            batch = torch.from_numpy(clip.waveform)[None]
            source(batch, torch.tensor([batch.shape[1]]), tokens)
            target(input_values=batch, decoder_input_ids=tokens)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
