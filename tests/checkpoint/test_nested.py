"""States inside a model's state."""

from __future__ import annotations

from pathlib import Path

import torch

from toolkit.checkpoint import open_checkpoint
from toolkit.checkpoint.nested import read_nested


def test_states_are_read_and_what_is_none_is_left_out(tmp_path: Path) -> None:
    teacher = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2, dtype=torch.float16)}
    model = {"w": torch.ones(1), "_ema": teacher, "step": 3, "odd": {"a": torch.ones(1), "b": 1}}
    torch.save({"model": {**model, "empty": {}}}, tmp_path / "model.pt")
    found = read_nested(open_checkpoint(tmp_path / "model.pt"))
    assert found.keys() == {"_ema"}
    assert all(found["_ema"][name].equal(tensor) for name, tensor in teacher.items())


def test_a_model_of_tensors_alone_has_none(tmp_path: Path) -> None:
    torch.save({"model": {"w": torch.ones(1)}}, tmp_path / "model.pt")
    assert read_nested(open_checkpoint(tmp_path / "model.pt")) == {}
