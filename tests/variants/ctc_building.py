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

from tests.variants.ctc_kinds import GENERATION, INNER, CtcVariant, Groups, as_hydra
from toolkit.oracle.mends.conformer import mended_conformer
from toolkit.oracle.quiet import quiet_fairseq


@dataclass(frozen=True, kw_only=True)
class BuiltCtc:
    """A checkpoint on disk, and fairseq's own model with the same weights."""

    path: Path
    task: Any
    model: Any


def build_ctc(variant: CtcVariant, folder: Path) -> BuiltCtc:
    """Writes `model.pt` and `dict.ltr.txt` of the variant.

    Args:
        variant: What to build.
        folder: Where to write; must exist.
    """
    _write_dictionary(variant.symbols, folder / "dict.ltr.txt")
    groups = _configure(variant)
    torch.manual_seed(variant.seed)
    with quiet_fairseq():
        task, model = _build(groups, folder)
    _perturb(model)
    state = dict(model.state_dict())
    torch.save((variant.save or as_hydra)(groups, state), folder / "model.pt")
    return BuiltCtc(path=folder / "model.pt", task=task, model=model.eval())


def _write_dictionary(symbols: Sequence[str], path: Path) -> None:
    rows = "".join(f"{symbol} {len(symbols) - i}\n" for i, symbol in enumerate(symbols))
    path.write_text(rows, encoding="utf-8")


def _configure(variant: CtcVariant) -> Groups:
    """The whole configuration as fairseq main resolves and saves it."""
    from fairseq.models.wav2vec.wav2vec2 import Wav2Vec2Config
    from fairseq.models.wav2vec.wav2vec2_asr import Wav2Vec2CtcConfig
    from fairseq.tasks.audio_finetuning import AudioFinetuningConfig
    from fairseq.tasks.audio_pretraining import AudioPretrainingConfig

    said = {"data": "/datasets/somebody", "normalize": variant.normalizes}
    common = {"seed": 1, "tpu": False}
    pretrained = {
        "_name": None,
        "common": {"_name": None, "seed": 1, "tpu": False},
        "task": _filled(AudioPretrainingConfig, "audio_pretraining", {**said, **common}),
        "model": _filled(Wav2Vec2Config, "wav2vec2", {**INNER, **variant.kind, **variant.inner}),
        "criterion": {"_name": "wav2vec", "infonce": True},
    }
    outer = {
        **said,
        "ddp_backend": "pytorch_ddp",
        "w2v_path": "/checkpoint/somebody/wav2vec2.pt",
        **variant.outer,
    }
    return {
        "_name": None,  # type: ignore[dict-item]
        "common": {"_name": None, "seed": 1, "tpu": False},
        "generation": GENERATION,
        "task": _filled(
            AudioFinetuningConfig, "audio_finetuning", {**said, **common, "labels": "ltr"}
        ),
        "model": {**_filled(Wav2Vec2CtcConfig, "wav2vec_ctc", outer), "w2v_args": pretrained},
        "criterion": {"_name": "ctc", "post_process": "letter", "zero_infinity": True},
    }


def _filled(config: type, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """A group with the defaults of its dataclass."""
    from omegaconf import OmegaConf

    defaults: Any = OmegaConf.to_container(OmegaConf.structured(config), enum_to_str=True)
    return {**defaults, **given, "_name": name}


def _build(groups: Groups, folder: Path) -> tuple[Any, Any]:
    from fairseq import tasks
    from omegaconf import OmegaConf

    cfg = OmegaConf.create(deepcopy(groups))
    cfg.task.data = str(folder)
    task = tasks.setup_task(cfg.task)
    with mended_conformer():
        return task, task.build_model(cfg.model)


def _perturb(model: torch.nn.Module) -> None:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1 or "norm" in name:
                parameter.add_(0.1 * torch.randn_like(parameter))
        for name, statistic in model.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                statistic.add_(0.1 * torch.rand_like(statistic))
