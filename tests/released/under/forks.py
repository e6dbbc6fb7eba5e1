"""Stands in for code of forks that no package has: it opens a checkpoint and gives its tensors.

Scripts ask the model of a fork for nothing else: no forward pass, no dictionary.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import fairseq
import torch

WAVLM = "unilm.wavlm.WavLM"
"""Where a script expects the code of WavLM."""


class Held:
    """The tensors of a model that nothing here can build."""

    def __init__(self, _config: Any = None) -> None:
        self._tensors: dict[str, torch.Tensor] = {}

    def load_state_dict(self, tensors: dict[str, torch.Tensor]) -> None:
        self._tensors = tensors

    def eval(self) -> Held:
        return self

    def state_dict(self) -> dict[str, torch.Tensor]:
        return self._tensors


def load_models(paths: Sequence[str], **_options: Any) -> tuple[list[Held], None, None]:
    """Answers as fairseq's loader does."""
    held = Held()
    held.load_state_dict(torch.load(paths[0], weights_only=False)["model"])
    return [held], None, None


@contextmanager
def held_models() -> Iterator[None]:
    """Puts the stand-ins where scripts look for a fork's code."""
    module = ModuleType(WAVLM)
    vars(module).update(WavLM=Held, WavLMConfig=dict)
    sys.modules.update({WAVLM: module, "unilm": ModuleType("unilm")})
    sys.modules["unilm.wavlm"] = ModuleType("unilm.wavlm")
    loader = fairseq.checkpoint_utils.load_model_ensemble_and_task
    fairseq.checkpoint_utils.load_model_ensemble_and_task = load_models
    try:
        yield
    finally:
        fairseq.checkpoint_utils.load_model_ensemble_and_task = loader
