"""Vocoders of the variants, small ones, built by fairseq itself with random weights."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import torch

from tests.variants.vocoder_kinds import CONFIG, VocoderVariant

SEED = 1
LOUD = 0.3
"""Deviation of what is added to every weight, so that a waveform is no whisper."""
LONG = 1.2
"""What is added to the predicted logarithm: units last a few frames."""


def build_vocoder(variant: VocoderVariant, folder: Path) -> Path:
    """Writes a checkpoint of the variant with its configuration and returns its path.

    Args:
        variant: What to build.
        folder: Where to write; must exist.
    """
    from fairseq.models.text_to_speech.codehifigan import CodeGenerator

    told = {**CONFIG, **variant.config}
    config = {key: value for key, value in told.items() if value is not None}
    torch.manual_seed(SEED)
    model = CodeGenerator(config)
    if not variant.keeps_norms:
        with contextlib.redirect_stdout(io.StringIO()):
            model.remove_weight_norm()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(LOUD * torch.randn_like(parameter) / parameter[0].numel() ** 0.5)
        if model.dur_predictor is not None:
            model.dur_predictor.proj.bias.add_(LONG)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    torch.save({"generator": dict(model.state_dict())}, folder / "model.pt")
    return folder / "model.pt"
