"""Pretraining checkpoints of the variants, small ones, built by fairseq itself."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import torch

from tests.variants.ctc_building import filled, perturb
from tests.variants.ctc_kinds import INNER, Groups
from tests.variants.pretraining_kinds import PretrainingVariant, as_hydra
from toolkit.oracle.mends.conformer import mended_conformer
from toolkit.oracle.quiet import quiet_fairseq


def build_pretraining(variant: PretrainingVariant, folder: Path) -> Path:
    """Writes `model.pt` of the variant, with random weights; returns its path.

    Args:
        variant: What to build.
        folder: Where to write; must exist.
    """
    groups = _configure(variant)
    torch.manual_seed(1)
    with quiet_fairseq():
        model = _build(groups)
    perturb(model)
    torch.save((variant.save or as_hydra)(groups, dict(model.state_dict())), folder / "model.pt")
    return folder / "model.pt"


def _configure(variant: PretrainingVariant) -> Groups:
    """The whole configuration as fairseq main resolves and saves it."""
    from fairseq.models.wav2vec.wav2vec2 import Wav2Vec2Config
    from fairseq.tasks.audio_pretraining import AudioPretrainingConfig

    common = {"seed": 1, "tpu": False}
    said = {"data": "/datasets/somebody", "normalize": variant.normalizes, **common}
    return {
        "_name": None,  # type: ignore[dict-item]
        "common": {"_name": None, **common},
        "task": filled(AudioPretrainingConfig, "audio_pretraining", said),
        "model": filled(Wav2Vec2Config, "wav2vec2", {**INNER, **variant.kind, **variant.model}),
        "criterion": {"_name": "wav2vec", "infonce": True, "loss_weights": [0.1, 10]},
    }


def _build(groups: Groups) -> Any:
    from fairseq.models.wav2vec.wav2vec2 import Wav2Vec2Model
    from omegaconf import OmegaConf

    with mended_conformer():
        return Wav2Vec2Model.build_model(OmegaConf.create(deepcopy(groups["model"])))
