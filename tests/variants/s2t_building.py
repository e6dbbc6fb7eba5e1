"""S2T- and S2UT-Transformers of the variants, small, built by fairseq with random weights."""

from __future__ import annotations

import shutil
from argparse import Namespace
from pathlib import Path

import numpy as np
import torch
import yaml

from tests.variants.s2t_kinds import S2TVariant
from toolkit.audio import golden_folder
from toolkit.oracle.tasks.base import register_models, register_units
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
    register_units()
    told = {**variant.plain_data, **variant.data}
    data = {key: value for key, value in told.items() if value is not None}
    if "vocab_filename" in data:
        for name in ("dict.txt", "spm.model"):
            shutil.copyfile(golden_folder() / "checkpoint" / name, folder / name)
    (folder / "config.yaml").write_text(yaml.safe_dump(data))
    if "global_cmvn" in data:
        write_statistics(folder / "gcmvn.npz")
    if variant.companions is not None:
        variant.companions(folder)
    settings = {**variant.plain_model, **variant.model}
    args = Namespace(
        **{**MISSING_DEFAULTS, **settings, "data": str(folder), "config_yaml": "config.yaml"}
    )
    torch.manual_seed(SEED)
    task = tasks.setup_task(args)
    model = task.build_model(args)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.add_(0.1 * torch.randn_like(buffer))
            elif name.endswith("running_var"):
                buffer.mul_(1 + 0.5 * torch.rand_like(buffer))
    make_state = variant.save or (lambda saved, state: {"args": saved, "model": state})
    torch.save(make_state(Namespace(**settings), dict(model.state_dict())), folder / "model.pt")
    return folder / "model.pt"


def write_statistics(path: Path) -> None:
    """Writes mean and deviation of every bin of a corpus, as fairseq's scripts save them."""
    drawn = np.random.default_rng(SEED)
    mean = drawn.normal(8.0, 2.0, 80).astype(np.float32)
    np.savez(path, mean=mean, std=drawn.uniform(1.0, 3.0, 80).astype(np.float32))
