"""Pretraining checkpoints of the variants, small ones, built by fairseq itself."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch

from tests.variants.ctc_building import COMMON, OF_TASK, TASKS, filled, perturb
from tests.variants.ctc_kinds import Groups
from tests.variants.pretraining_kinds import PretrainingVariant, as_hydra
from toolkit.oracle.mends.conformer import mended_conformer
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.oracle.tasks.base import register_models


def build_pretraining(variant: PretrainingVariant, folder: Path) -> Path:
    """Writes `model.pt` of the variant, with random weights; returns its path.

    Args:
        variant: What to build.
        folder: Where to write; must exist.
    """
    groups = _configure(variant)
    torch.manual_seed(1)
    with quiet_fairseq():
        model = build_model(groups, variant.dictionaries)
    perturb(model)
    torch.save((variant.save or as_hydra)(groups, dict(model.state_dict())), folder / "model.pt")
    return folder / "model.pt"


def _configure(variant: PretrainingVariant) -> Groups:
    """The whole configuration as fairseq main resolves and saves it."""
    import fairseq.examples.data2vec.models.data2vec_audio  # noqa: F401
    from fairseq.models import MODEL_DATACLASS_REGISTRY
    from fairseq.tasks import TASK_DATACLASS_REGISTRY

    register_models()
    name, task = variant.encoder, TASKS[variant.encoder]
    said = {"data": "/datasets/somebody", "normalize": variant.normalizes, **OF_TASK[task]}
    model = {**variant.usual, **variant.kind, **variant.model}
    return {
        "_name": None,  # type: ignore[dict-item]
        "common": {"_name": None, **COMMON},
        "task": filled(TASK_DATACLASS_REGISTRY[task], task, said),
        "model": filled(MODEL_DATACLASS_REGISTRY[name], name, model),
        "criterion": {"_name": name, "loss_weights": [0.1, 10]},
    }


def build_model(groups: Groups, classes: Sequence[int]) -> Any:
    """Fairseq's model of a configuration, with so many classes of each kind, if it has any."""
    from fairseq.models import MODEL_REGISTRY
    from omegaconf import OmegaConf

    dictionaries = [range(number) for number in classes]
    task = Namespace(cfg=Namespace(sample_rate=16_000), dictionaries=dictionaries)
    config = OmegaConf.create(deepcopy(groups["model"]))
    with mended_conformer():
        return MODEL_REGISTRY[config._name].build_model(config, task)
