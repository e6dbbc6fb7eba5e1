"""CTC checkpoints of the variants, small ones, built by fairseq itself with random weights.

Norms and biases are perturbed, so that none is an identity by accident.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tests.variants.ctc_kinds import GENERATION, CtcVariant, Groups, as_hydra
from toolkit.oracle.mends.conformer import mended_conformer
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.oracle.tasks.base import register_models

COMMON = {"seed": 1, "tpu": False}
TASKS = {
    "wav2vec2": "audio_pretraining",
    "hubert": "hubert_pretraining",
    "data2vec_audio": "audio_pretraining",
}
"""What each kind of encoder is pretrained by."""
OF_TASK: dict[str, dict[str, Any]] = {
    "audio_pretraining": COMMON,
    "hubert_pretraining": {
        "label_dir": "/datasets/somebody/km",
        "labels": ["km"],
        "label_rate": 50.0,
    },
}
"""What their tasks say beside what all say."""


DECODED = {"_name": "label_smoothed_cross_entropy", "label_smoothing": 0.1}
"""What models with a decoder are trained by."""


@dataclass(frozen=True, kw_only=True)
class BuiltCtc:
    """A checkpoint on disk, and fairseq's own model with the same weights."""

    path: Path
    task: Any
    model: Any


def build_ctc(variant: CtcVariant, folder: Path) -> BuiltCtc:
    """Writes `model.pt` and the dictionary of the variant.

    Args:
        variant: What to build.
        folder: Where to write; must exist.
    """
    groups, task, model = initialize(variant, folder)
    perturb(model)
    state = dict(model.state_dict())
    torch.save((variant.save or as_hydra)(groups, state), folder / "model.pt")
    return BuiltCtc(path=folder / "model.pt", task=task, model=model.eval())


def initialize(variant: CtcVariant, folder: Path) -> tuple[Groups, Any, Any]:
    """The configuration of the variant, and fairseq's task and model as it initializes them.

    Args:
        variant: What to build.
        folder: Where to write the dictionary; must exist.
    """
    write_dictionary(variant.symbols, folder / f"dict.{variant.labels}.txt")
    groups = _configure(variant)
    torch.manual_seed(variant.seed)
    with quiet_fairseq():
        return groups, *build_model(groups, folder)


def write_dictionary(symbols: Sequence[str], path: Path) -> None:
    """Writes a `dict.ltr.txt` of the symbols."""
    rows = "".join(f"{symbol} {len(symbols) - i}\n" for i, symbol in enumerate(symbols))
    path.write_text(rows, encoding="utf-8")


def _configure(variant: CtcVariant) -> Groups:
    """The whole configuration as fairseq main resolves and saves it."""
    import fairseq.examples.data2vec.models.data2vec_audio  # noqa: F401
    from fairseq.models import MODEL_DATACLASS_REGISTRY
    from fairseq.tasks import TASK_DATACLASS_REGISTRY

    register_models()
    pretraining = TASKS[variant.encoder]
    said = {"data": "/datasets/somebody", "normalize": variant.normalizes}
    pretrained = {
        "_name": None,
        "common": {"_name": None, "seed": 1, "tpu": False},
        "task": filled(
            TASK_DATACLASS_REGISTRY[pretraining], pretraining, {**said, **OF_TASK[pretraining]}
        ),
        "model": filled(
            MODEL_DATACLASS_REGISTRY[variant.encoder],
            variant.encoder,
            {**variant.usual, **variant.kind, **variant.inner},
        ),
        "criterion": {"_name": "wav2vec", "infonce": True},
    }
    decodes = variant.model == "wav2vec_seq2seq"
    task = {"autoregressive": True} if decodes else {}
    outer = {
        **said,
        **({"ddp_backend": "pytorch_ddp"} if variant.model != "hubert_ctc" else {}),
        **task,
        "w2v_path": "/checkpoint/somebody/wav2vec2.pt",
        **variant.outer,
    }
    return {
        "_name": None,  # type: ignore[dict-item]
        "common": {"_name": None, "seed": 1, "tpu": False},
        "generation": GENERATION,
        "task": filled(
            TASK_DATACLASS_REGISTRY[variant.task],
            variant.task,
            {**said, **COMMON, **task, "labels": variant.labels},
        ),
        "model": {
            **filled(MODEL_DATACLASS_REGISTRY[variant.model], variant.model, outer),
            "w2v_args": pretrained,
        },
        "criterion": DECODED
        if decodes
        else {"_name": "ctc", "post_process": "letter", "zero_infinity": True},
    }


def filled(config: type, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """A group with the defaults of its dataclass."""
    from omegaconf import OmegaConf

    defaults: Any = OmegaConf.to_container(OmegaConf.structured(config), enum_to_str=True)
    return {**defaults, **given, "_name": name}


def build_model(groups: Groups, folder: Path) -> tuple[Any, Any]:
    """Fairseq's task and model of a whole configuration; the dictionary stands in the folder."""
    from fairseq import tasks
    from fairseq.models import MODEL_REGISTRY
    from omegaconf import OmegaConf

    cfg = OmegaConf.create(deepcopy(groups))
    cfg.task.data = str(folder)
    task = tasks.setup_task(cfg.task)
    if cfg.model._name == "hubert_ctc":
        # HubertCtc reads an argument that its configuration has not, and files of its pretraining.
        cfg.model.autoregressive = False
        task.state.merge_state_dict({"dictionaries": [None]})
    elif cfg.model._name == "wav2vec_seq2seq":
        # The layers of its decoder read an argument that its configuration has not.
        cfg.model.encoder_embed_dim = cfg.model.decoder_embed_dim
    with mended_conformer():
        return task, MODEL_REGISTRY[cfg.model._name].build_model(cfg.model, task)


def perturb(model: torch.nn.Module) -> None:
    """Moves every norm and bias, so that none is an identity by accident."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1 or "norm" in name:
                parameter.add_(0.1 * torch.randn_like(parameter))
        for name, statistic in model.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                statistic.add_(0.1 * torch.rand_like(statistic))
