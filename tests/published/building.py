"""Checkpoints with the settings of published ones: small ones to prove, and whole ones to inspect.

fairseq builds all of them. Of a whole one the file holds the shapes alone: nearly every tensor is a
view of one element, so that it takes no more than a small one. A full one is all but the values
that were published.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from fairseq.models import MODEL_DATACLASS_REGISTRY
from fairseq.models.wav2vec import wav2vec2
from fairseq.tasks import TASK_DATACLASS_REGISTRY

from tests.published.settings import Published, Size
from tests.variants.ctc_building import build_model, filled, perturb, write_dictionary
from tests.variants.ctc_kinds import LETTERS, Groups
from tests.variants.pretraining_building import build_model as build_pretrained
from toolkit.checkpoint.tensors import MAX_REPEATED_NUMEL
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.oracle.tasks.base import register_models

CLASSES = (504,)
"""Of HuBERT's pretraining: 500 clusters, and the four symbols that every dictionary begins with."""
SMALL = Size(width=32, inner=48, heads=2, layers=3, final=8)


def build_small(published: Published, folder: Path) -> Path:
    """A checkpoint with all settings of a published one but its sizes, and random weights.

    Args:
        published: The settings.
        folder: Where to write; must exist.
    """
    groups = _shrunk(published.groups)
    torch.manual_seed(1)
    model = _build(groups, folder)
    perturb(model)
    return _save(groups, dict(model.state_dict()), folder)


def build_full(published: Published, folder: Path) -> Path:
    """A checkpoint with all settings and sizes of a published one, and random weights.

    Args:
        published: The settings.
        folder: Where to write; must exist.
    """
    torch.manual_seed(1)
    model = build_empty(published, folder)
    perturb(model)
    return _save(published.groups, dict(model.state_dict()), folder)


def build_empty(published: Published, folder: Path) -> Any:
    """fairseq's model with all settings and sizes of a published one, before it has its weights.

    Args:
        published: The settings.
        folder: Where a dictionary can be written; must exist.
    """
    # Its initialization draws every weight again, which takes minutes.
    with patch.object(wav2vec2, "init_bert_params"):
        return _build(published.groups, folder)


def build_whole(published: Published, folder: Path) -> Path:
    """A checkpoint with all settings and shapes of a published one, every value zero.

    Args:
        published: The settings.
        folder: Where to write; must exist.
    """
    groups = published.groups
    # Its initialization copies values, of which there are none.
    with patch.object(wav2vec2, "init_bert_params"), torch.device("meta"):
        state = _build(groups, folder).state_dict()
    return _save(groups, {name: zeros(t.shape) for name, t in state.items()}, folder)


def zeros(shape: torch.Size) -> torch.Tensor:
    """One element for all, as far as a checkpoint may repeat one."""
    repeated = shape.numel() <= MAX_REPEATED_NUMEL
    made = torch.zeros(1 if repeated else shape, device="cpu")
    return made.expand(shape) if repeated else made


def _shrunk(groups: Groups) -> Groups:
    changed = deepcopy(groups)
    model = changed["model"]
    inner = model["w2v_args"]["model"] if "w2v_args" in model else model
    inner.update(SMALL.arguments)
    if "latent_vars" in inner:
        inner["latent_vars"] = 4
    inner["conv_feature_layers"] = inner["conv_feature_layers"].replace("512", "16")
    return changed


def _build(groups: Groups, folder: Path) -> Any:
    with quiet_fairseq():
        if "w2v_args" not in groups["model"]:
            return build_pretrained(_completed(groups), CLASSES)
        write_dictionary(LETTERS, folder / "dict.ltr.txt")
        return build_model(_completed(groups), folder)[1]


def _completed(groups: Groups) -> Groups:
    """With what fairseq learned since, which it asks for when it builds."""
    register_models()
    said, model = groups["task"], groups["model"]
    kind, data = model["_name"], {"data": "/datasets/somebody"} if "w2v_args" in model else {}
    return {
        "task": filled(TASK_DATACLASS_REGISTRY[said["_name"]], said["_name"], said),
        "model": filled(MODEL_DATACLASS_REGISTRY[kind], kind, {**model, **data}),
    }


def _save(groups: Groups, state: dict[str, torch.Tensor], folder: Path) -> Path:
    path = folder / "model.pt"
    torch.save({"args": None, "cfg": groups, "model": state}, path)
    return path
