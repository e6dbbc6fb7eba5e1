"""S2T-Transformers of the variants, small ones, built by fairseq itself with random weights."""

from __future__ import annotations

import shutil
from argparse import Namespace
from pathlib import Path

import numpy as np
import torch
import yaml

from tests.variants.s2t_kinds import DATA, MODEL, S2TVariant
from toolkit.audio import golden_folder
from toolkit.oracle.tasks.base import register_models
from toolkit.oracle.tasks.speech_seq2seq.build import MISSING_DEFAULTS

SEED = 1


def build_s2t(variant: S2TVariant, folder: Path) -> Path:
    """Writes a checkpoint of the variant with its companions and returns its path.

    Args:
        variant: What to build.
        folder: Where to write; must exist.
    """
    from fairseq import tasks

    register_models()
    for name in ("dict.txt", "spm.model"):
        shutil.copyfile(golden_folder() / "checkpoint" / name, folder / name)
    data = {key: value for key, value in {**DATA, **variant.data}.items() if value is not None}
    (folder / "config.yaml").write_text(yaml.safe_dump(data))
    if "global_cmvn" in data:
        write_statistics(folder / "gcmvn.npz")
    if variant.companions is not None:
        variant.companions(folder)
    settings = {**MODEL, **variant.model}
    args = Namespace(
        **{**MISSING_DEFAULTS, **settings, "data": str(folder), "config_yaml": "config.yaml"}
    )
    torch.manual_seed(SEED)
    task = tasks.setup_task(args)
    model = task.build_model(args)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    make_state = variant.save or (lambda saved, state: {"args": saved, "model": state})
    torch.save(make_state(Namespace(**settings), dict(model.state_dict())), folder / "model.pt")
    return folder / "model.pt"


def write_statistics(path: Path) -> None:
    """Writes mean and deviation of every bin of a corpus, as fairseq's scripts save them."""
    drawn = np.random.default_rng(SEED)
    mean = drawn.normal(8.0, 2.0, 80).astype(np.float32)
    np.savez(path, mean=mean, std=drawn.uniform(1.0, 3.0, 80).astype(np.float32))
