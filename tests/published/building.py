"""Checkpoints with the settings of published ones: small ones to prove, and whole ones to inspect.

fairseq builds both. Of a whole one the file holds the shapes alone: every tensor is a view of one
element, so that it takes no more than a small one.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from tests.published.settings import Published, Size
from tests.variants.ctc_building import build_model, filled, perturb, write_dictionary
from tests.variants.ctc_kinds import LETTERS, Groups
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.oracle.tasks.base import register_models

SMALL = Size(width=32, inner=48, heads=2, layers=3, final=8)
TASK = {"_name": "audio_finetuning", "data": "/datasets/somebody", "labels": "ltr"}
"""What a checkpoint says of its own task; the published configurations leave it open."""


def build_small(published: Published, folder: Path) -> Path:
    """A checkpoint with all settings of a published one but its sizes, and random weights.

    Args:
        published: The settings.
        folder: Where to write; must exist.
    """
    groups = _shrunk(_groups(published))
    torch.manual_seed(1)
    model = _build(groups, folder)
    perturb(model)
    return _save(groups, dict(model.state_dict()), folder)


def build_whole(published: Published, folder: Path) -> Path:
    """A checkpoint with all settings and shapes of a published one, every value zero.

    Args:
        published: The settings.
        folder: Where to write; must exist.
    """
    from fairseq.models.wav2vec import wav2vec2

    groups = _groups(published)
    # Its initialization copies values, of which there are none.
    with patch.object(wav2vec2, "init_bert_params"), torch.device("meta"):
        state = _build(groups, folder).state_dict()
    zero = torch.zeros(1)
    return _save(groups, {name: zero.expand(t.shape) for name, t in state.items()}, folder)


def _groups(published: Published) -> Groups:
    return {
        "task": {**TASK, "normalize": published.normalize},
        "model": published.model,
        "criterion": {"_name": "ctc", "post_process": "letter", "zero_infinity": True},
    }


def _shrunk(groups: Groups) -> Groups:
    changed = deepcopy(groups)
    inner = changed["model"]["w2v_args"]["model"]
    inner.update(SMALL.arguments, latent_vars=4)
    inner["conv_feature_layers"] = inner["conv_feature_layers"].replace("512", "16")
    return changed


def _build(groups: Groups, folder: Path) -> Any:
    write_dictionary(LETTERS, folder / "dict.ltr.txt")
    with quiet_fairseq():
        return build_model(_completed(groups), folder)[1]


def _completed(groups: Groups) -> Groups:
    """With what fairseq learned since, which it asks for when it builds."""
    from fairseq.models import MODEL_DATACLASS_REGISTRY
    from fairseq.tasks.audio_finetuning import AudioFinetuningConfig

    register_models()
    task, model = groups["task"], groups["model"]
    kind = model["_name"]
    return {
        "task": filled(AudioFinetuningConfig, "audio_finetuning", task),
        "model": filled(MODEL_DATACLASS_REGISTRY[kind], kind, {**model, "data": task["data"]}),
    }


def _save(groups: Groups, state: dict[str, torch.Tensor], folder: Path) -> Path:
    path = folder / "model.pt"
    torch.save({"args": None, "cfg": groups, "model": state}, path)
    return path
