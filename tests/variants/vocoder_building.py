"""Vocoders of the variants, small ones, built by fairseq itself with random weights."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

from tests.variants import mel_kinds
from tests.variants.mel_kinds import MelVariant
from tests.variants.vocoder_kinds import CONFIG, NATIVE, VocoderVariant

SEED = 1
LOUD = 0.3
"""Deviation of what is added to every weight, so that a waveform is no whisper."""
LONG = 1.2
"""What is added to the predicted logarithm: units last a few frames."""
_RUNNING = {name: mel_kinds.CONFIG[name] for name in ("upsample_rates", "resblock_dilation_sizes")}
"""What a checkpoint is built with whose own configuration fairseq cannot run."""


def build_vocoder(variant: VocoderVariant, folder: Path) -> Path:
    """Writes a checkpoint of the variant with its configuration and returns its path.

    Args:
        variant: What to build.
        folder: Where to write; must exist.
    """
    from fairseq.models.text_to_speech.codehifigan import CodeGenerator

    config = _said(CONFIG, variant.config)
    torch.manual_seed(SEED)
    model = CodeGenerator(config)
    _draw(model, keeps_norms=variant.keeps_norms)
    if model.dur_predictor is not None:
        with torch.no_grad():
            model.dur_predictor.proj.bias.add_(LONG)
    _write(folder / "config.json", config)
    torch.save({"generator": dict(model.state_dict())}, folder / "model.pt")
    return folder / "model.pt"


def build_mel_vocoder(variant: MelVariant, folder: Path) -> Path:
    """Writes a checkpoint of the variant with what stands beside it, and returns its path.

    Args:
        variant: What to build.
        folder: Where to write; must exist.
    """
    from fairseq.models.text_to_speech.hifigan import Generator

    config = _said(mel_kinds.CONFIG, variant.config)
    built = config if variant.ends == NATIVE else {**config, **_RUNNING}
    torch.manual_seed(SEED)
    model = Generator({**mel_kinds.CONFIG, **built})
    _draw(model, keeps_norms=variant.keeps_norms)
    _write(folder / variant.called, config)
    if variant.features is not None:
        features = {"features": {**mel_kinds.FEATURES, **variant.features}}
        (folder / "config.yaml").write_text(yaml.safe_dump(features), encoding="utf-8")
    named = {_renamed(n, variant.renamed): tensor for n, tensor in model.state_dict().items()}
    kept = {"generator": {n: tensor for n, tensor in named.items() if ".gone." not in n}}
    torch.save(kept, folder / "model.pt", _use_new_zipfile_serialization=not variant.legacy)
    return folder / "model.pt"


def _said(plain: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {**plain, **other}.items() if value is not None}


def _renamed(name: str, parts: Mapping[str, str]) -> str:
    for old, new in parts.items():
        name = name.replace(old, new)
    return name


def _draw(model: nn.Module, *, keeps_norms: bool) -> None:
    """Random weights that are no whisper, with their norms or without."""
    if not keeps_norms:
        with contextlib.redirect_stdout(io.StringIO()):
            model.remove_weight_norm()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(LOUD * torch.randn_like(parameter) / parameter[0].numel() ** 0.5)


def _write(path: Path, config: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
