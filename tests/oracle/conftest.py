"""Small models of fairseq in evaluation mode, from settings or from weights."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch

from tests.variants.arguments import MODEL, W2V
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.oracle.reference import Reference
from toolkit.oracle.tasks.base import register_models
from toolkit.oracle.tasks.speech_seq2seq.build import build_model, make_namespace

State = dict[str, torch.Tensor]
Build = Callable[..., Reference]
MakeState = Callable[..., State]


@pytest.fixture(scope="session")
def companions(golden_checkpoint) -> str:
    """Folder with `config.yaml`, the dictionary and the sentencepiece model."""
    return str(golden_checkpoint.parent)


@pytest.fixture(scope="session")
def make_state(companions) -> MakeState:
    """Random weights of the model that fairseq itself makes of the settings."""

    def make(settings: Mapping[str, Any]) -> State:
        from fairseq import tasks

        from toolkit.oracle.mends.conformer import mended_conformer

        register_models()
        args = make_namespace(settings, companions)
        torch.manual_seed(1)
        with quiet_fairseq(), mended_conformer():
            model = tasks.setup_task(args).build_model(args)
        state = copy.deepcopy(dict(model.state_dict()))
        for tensor in state.values():
            if tensor.dim() == 1:
                tensor.add_(0.1 * torch.rand_like(tensor))
        return state

    return make


@pytest.fixture(scope="session")
def build(companions) -> Build:
    """The reference that `build_model` makes of settings and weights."""

    def make(settings: Mapping[str, Any], state: State, **choices: Any) -> Reference:
        with quiet_fairseq():
            return Reference(*build_model(settings, state, companions, **choices))

    return make


@pytest.fixture(scope="session")
def plain() -> dict[str, Any]:
    """Settings of the plainest small model."""
    return {**MODEL, "w2v_args": W2V}


@pytest.fixture(scope="session")
def sources() -> list[torch.Tensor]:
    """Two inputs of 27 and 17 frames: at an odd end, a convolution reaches into the padding."""
    generator = torch.Generator().manual_seed(5)
    return [torch.randn(samples, generator=generator) for samples in (9000, 5600)]
