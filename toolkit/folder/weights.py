"""Carries out a plan: source tensors become the tensors of a safetensors file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.checkpoint import Checkpoint
from toolkit.core.errors import BadInput
from toolkit.mapping import Assignment, Identity, Plan, Zeros

if TYPE_CHECKING:
    from torch import Tensor

FILE_NAME = "model.safetensors"


def target_tensor(assignment: Assignment, plan: Plan, checkpoint: Checkpoint) -> Tensor:
    """The values that the plan gives to one target tensor, in the source's dtype."""
    import torch

    if isinstance(assignment.op, (Identity, Zeros)):
        dtype = getattr(torch, _filled_dtype(plan))
        return assignment.op.make(plan.targets[assignment.target].shape).to(dtype)
    assert assignment.source is not None
    outputs = assignment.op.apply(checkpoint.load(assignment.source))
    return outputs[assignment.output].contiguous()


def write_weights(plan: Plan, checkpoint: Checkpoint, folder: Path) -> None:
    """Writes `model.safetensors`; tied twins are left to the model's own tying.

    Raises:
        BadInput: the source's tied tensors differ, or the disk refuses.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    check_ties(plan, checkpoint)
    tensors = {a.target: target_tensor(a, plan, checkpoint) for a in plan.assignments.values()}
    try:
        save_file(tensors, str(folder / FILE_NAME), metadata={"format": "pt"})
    except (OSError, SafetensorError) as error:
        raise BadInput(
            f"`{folder / FILE_NAME}` must be written whole, but {error}. "
            "Make room, or choose another OUT."
        ) from error


def check_ties(plan: Plan, checkpoint: Checkpoint) -> None:
    """Makes sure that names declared as one tensor hold one tensor.

    Raises:
        BadInput: they differ; all such pairs at once.
    """
    differing = list(_differing_ties(plan, checkpoint))
    if differing:
        raise BadInput(
            f"{', '.join(differing)} must hold equal values, as the checkpoint's arguments tie "
            "them, but differ. Untie them with `--decoder-config "
            "'{\"tie_word_embeddings\": false}'`."
        )


def _differing_ties(plan: Plan, checkpoint: Checkpoint) -> Iterator[str]:
    for tie in plan.ties:
        if tie.source in plan.sources:
            twin = checkpoint.load(tie.source_twin)
            if not checkpoint.load(tie.source).equal(twin):
                yield f"`{tie.source}` and `{tie.source_twin}`"


def _filled_dtype(plan: Plan) -> str:
    sources = (a.source for a in plan.assignments.values() if a.source is not None)
    return plan.sources[next(sources)].dtype
