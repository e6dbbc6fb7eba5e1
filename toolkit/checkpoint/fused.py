"""A checkpoint whose weight norms are taken off, as fairseq does when it loads a vocoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.checkpoint.reader import Checkpoint
from toolkit.checkpoint.recipes import Recipe, Shape
from toolkit.checkpoint.remade import remake_tensors

if TYPE_CHECKING:
    from torch import Tensor

GAIN, DIRECTION, WEIGHT = ".weight_g", ".weight_v", ".weight"
"""What the names of a weight norm's tensors end in, and that of the weight that they make."""


@dataclass(frozen=True, kw_only=True)
class TakeOff(Recipe):
    """Gain g and direction v become the weight g * v / ||v||, rounded once in their own dtype.

    fairseq computes it in float32, whatever dtype they were saved in.

    Source: `torch.nn.utils.weight_norm.WeightNorm.remove`, along the first axis.
    """

    @property
    def is_rename(self) -> bool:
        """Never."""
        return False

    @property
    def is_read_otherwise(self) -> bool:
        """Always: its model has the norms."""
        return True

    def shape(self, sources: Sequence[Shape]) -> Shape:
        """The shape of the direction.

        Raises:
            ValueError: the gain has not one number for each row of it.
        """
        gain, direction = sources
        if gain != (direction[:1] + (1,) * (len(direction) - 1)):
            raise ValueError(f"the gain has shape {gain}, and the direction {direction}")
        return direction

    def make(self, sources: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The weight."""
        import torch

        gain, direction = sources
        return (torch._weight_norm(direction, gain, 0),)

    def undo(self, targets: Sequence[Tensor], rows: Sequence[int]) -> tuple[Tensor, ...]:  # noqa: ARG002
        """A gain and a direction that make the weight to the last bit: its norms, and itself.

        What is zero as a whole has a gain of 0, and any direction.
        """
        import torch

        weight = targets[0].float()
        empty = (weight == 0).flatten(1).all(1).view(-1, *[1] * (weight.dim() - 1))
        direction = torch.where(empty, 1.0, weight)
        # The very norms that torch divides by, so that its quotient is 1.
        _, norms = torch._weight_norm_interface(direction, torch.ones_like(empty).float(), 0)
        return torch.where(empty, 0.0, norms.view_as(empty)), direction


def take_off_weight_norms(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint, in float32, with one weight in the place of every gain and its direction.

    One without weight norms is left as it is.

    Raises:
        BadInput: a gain does not fit its direction.
    """
    modules = [name.removesuffix(GAIN) for name in checkpoint.tensors if name.endswith(GAIN)]
    recipes = [
        TakeOff(
            sources=(module + GAIN, module + DIRECTION),
            targets=(module + WEIGHT,),
            origin=f"the weight norm of `{module}`, which fairseq takes off when it loads it",
        )
        for module in modules
        if module + DIRECTION in checkpoint.tensors
    ]
    return remake_tensors(checkpoint.as_dtype("float32"), recipes) if recipes else checkpoint
