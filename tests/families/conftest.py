"""Checkpoints like the golden one, with changes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.families.networks import network_of
from toolkit.checkpoint import Checkpoint, open_checkpoint
from toolkit.checkpoint.dictionary import Dictionary
from toolkit.families import Options, Task
from toolkit.families.xm_transformer import FAMILY
from toolkit.folder.skeleton import target_specs
from toolkit.mapping import Plan, make_plan
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


@pytest.fixture
def task_of(prepared: Prepared) -> Callable[..., Task]:
    """The golden checkpoint's task with other companions, options or checkpoint."""

    def make(
        *,
        config: Mapping[str, Any] | None = None,
        symbols: Sequence[str] | None = None,
        checkpoint: Any = None,
        **options: Any,
    ) -> Task:
        checkpoint = checkpoint or prepared.checkpoint
        dictionary = prepared.sidecars.dictionary
        sidecars = replace(
            prepared.sidecars,
            config={**prepared.sidecars.config, **(config or {})},
            dictionary=Dictionary(symbols=tuple(symbols)) if symbols else dictionary,
        )
        network = network_of(checkpoint, **options)
        return FAMILY.task(checkpoint, sidecars, network, Options(**options))

    return make


@pytest.fixture
def plan_of(task_of: Callable[..., Task]) -> Callable[..., Plan]:
    """The plan for a checkpoint, from its own network to the model that its config describes."""

    def make(checkpoint: Any, **options: Any) -> Plan:
        network = network_of(checkpoint, **options)
        config = task_of(checkpoint=checkpoint, **options).contents.config
        return make_plan(network.table, checkpoint.tensors, target_specs(config))

    return make


def _changed(values: Mapping[str, Any], changes: Mapping[str, Any] | None) -> dict[str, Any]:
    return {k: v for k, v in {**values, **(changes or {})}.items() if v is not GONE}
