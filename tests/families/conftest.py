"""Checkpoints like the golden one, with changes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from toolkit.checkpoint import Checkpoint, open_checkpoint
from toolkit.pipeline.prepare import Prepared

GONE = object()
"""Stands for an argument to be left out."""


@pytest.fixture
def gone() -> object:
    return GONE


@pytest.fixture(scope="session")
def golden_tensors(prepared: Prepared) -> Mapping[str, torch.Tensor]:
    return prepared.checkpoint.state_dict()


@pytest.fixture
def variant(
    prepared: Prepared, golden_tensors: Mapping[str, torch.Tensor], tmp_path: Path
) -> Callable[..., Checkpoint]:
    """The golden checkpoint with other tensors and other arguments, written and opened."""

    def make(
        tensors: Mapping[str, Any] | None = None,
        *,
        model: Mapping[str, Any] | None = None,
        w2v: Mapping[str, Any] | None = None,
        generation: Mapping[str, Any] | None = None,
        as_args: bool = False,
    ) -> Checkpoint:
        cfg = copy.deepcopy(prepared.checkpoint.settings["cfg"])
        groups = {name: cfg[name] for name in ("model", "task", "generation")}
        for group in (groups["model"], groups["task"]):
            group["w2v_args"] = _changed(group["w2v_args"], w2v)
        groups["model"] = _changed(groups["model"], model)
        groups["generation"] = _changed(groups["generation"], generation)
        flat = {**groups["generation"], **groups["model"]}
        settings = {"args": flat} if as_args else {"cfg": groups}
        path = tmp_path / "model.pt"
        torch.save({"model": _changed(golden_tensors, tensors), **settings}, path)
        return open_checkpoint(path)

    return make


def _changed(values: Mapping[str, Any], changes: Mapping[str, Any] | None) -> dict[str, Any]:
    return {k: v for k, v in {**values, **(changes or {})}.items() if v is not GONE}
