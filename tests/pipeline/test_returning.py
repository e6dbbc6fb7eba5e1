"""What a conversion added must be as it was added, as fairseq has nothing in its place."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from toolkit.core.errors import BadInput
from toolkit.core.spec import TensorSpec
from toolkit.folder.held import Held
from toolkit.mapping import Fill, Identity, Rule, Table, Zeros, make_plan
from toolkit.mapping.inverse import invert_plan
from toolkit.pipeline.returning import expect_as_made

TABLE = Table(
    name="equal widths",
    rows=(
        Rule("fc.weight", "fc.weight"),
        Fill("projection.weight", Identity(), "widths are equal"),
        Fill("projection.bias", Zeros(), "widths are equal"),
    ),
)
SHAPES = {"fc.weight": (2, 3), "projection.weight": (3, 3), "projection.bias": (3,)}
TARGETS = {n: TensorSpec(name=n, dtype="float32", shape=shape) for n, shape in SHAPES.items()}


def check(dtype: torch.dtype = torch.float32, **trained: torch.Tensor) -> None:
    made = {"fc.weight": torch.ones(2, 3), "projection.weight": torch.eye(3)}
    tensors = {**made, "projection.bias": torch.zeros(3), **trained}
    held = Held(
        folder=Path("hf"),
        tensors={name: tensor.to(dtype) for name, tensor in tensors.items()},
        further=(),
    )
    plan = make_plan(TABLE, {"fc.weight": TARGETS["fc.weight"]}, TARGETS)
    expect_as_made(invert_plan(plan), held, plan)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_what_nobody_trained_passes_in_any_dtype(dtype: torch.dtype) -> None:
    check(dtype)


@pytest.mark.parametrize(
    ("name", "value"),
    [("projection.weight", torch.eye(3) + 1e-6), ("projection.bias", torch.full((3,), 1e-6))],
)
def test_what_training_changed_is_refused_by_name(name: str, value: torch.Tensor) -> None:
    with pytest.raises(BadInput, match=rf"in `{name}` what a conversion put there.*was trained"):
        check(**{name: value})
