"""Checkpoints of the variants, small ones, built by fairseq itself with random weights.

Norms and biases are perturbed, so that none is an identity by accident.
"""

from __future__ import annotations

import shutil
from argparse import Namespace
from pathlib import Path

import torch

from tests.variants.arguments import MODEL, W2V
from tests.variants.kinds import Variant
from toolkit.oracle.tasks.base import register_models
from toolkit.oracle.tasks.speech_seq2seq.build import make_namespace


def build_variant(variant: Variant, companions: Path, folder: Path) -> Path:
    """Writes a checkpoint of the variant with its companions and returns its path.

    Args:
        variant: What to build.
        companions: Folder with `dict.txt`, `spm.model` and `config.yaml`.
        folder: Where to write; must exist.
    """
    from fairseq import tasks

    register_models()
    for name in ("dict.txt", "spm.model", "config.yaml"):
        shutil.copyfile(companions / name, folder / name)
    if variant.companions is not None:
        variant.companions(folder)
    w2v_args = {**W2V, **variant.w2v}
    settings = {**MODEL, **variant.model, "w2v_args": w2v_args}
    built_with = make_namespace(settings, str(folder))
    torch.manual_seed(variant.seed)
    task = tasks.setup_task(built_with)
    model = task.build_model(built_with)
    _perturb(model)
    saved = Namespace(**{**settings, "w2v_path": None, "w2v_args": Namespace(**w2v_args)})
    make_state = variant.save or (lambda args, state: {"args": args, "model": state})
    torch.save(
        make_state(saved, dict(model.state_dict())),
        folder / "model.pt",
        _use_new_zipfile_serialization=not variant.legacy,
    )
    return folder / "model.pt"


def _perturb(model: torch.nn.Module) -> None:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1 or "norm" in name:
                parameter.add_(0.1 * torch.randn_like(parameter))
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.add_(0.1 * torch.randn_like(buffer))
            elif name.endswith("running_var"):
                buffer.mul_(1 + 0.5 * torch.rand_like(buffer))
