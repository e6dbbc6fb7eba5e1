"""Brings a tensor of one side into the axes and the length of the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

FRAMES = "T"


@dataclass(frozen=True, kw_only=True)
class Aligned:
    """A tensor in the target's axes."""

    tensor: Tensor
    frames_left_out: int
    """Frames beyond the clip's end that were cut off."""


def align(
    tensor: Tensor,
    source_axes: str,
    target_axes: str,
    *,
    frames: int | None = None,
    sizes: Mapping[str, int] | None = None,
) -> Aligned:
    """The tensor with its axes in the target's order.

    Args:
        tensor: Shape as `source_axes` says.
        source_axes: Such as `T B D`.
        target_axes: The same letters in the target's order, such as `B T D`.
        frames: How many frames to keep along T; None keeps all.
        sizes: Of axes that the tensor holds as one, such as `(T B) D`, one of the two.

    Raises:
        einops.EinopsError: the tensor has another number of axes.
    """
    from einops import rearrange

    known = {axis: size for axis, size in (sizes or {}).items() if axis in source_axes}
    arranged: Tensor = rearrange(tensor, f"{source_axes} -> {target_axes}", **known)
    letters = target_axes.split()
    if frames is None or FRAMES not in letters:
        return Aligned(tensor=arranged, frames_left_out=0)
    axis = letters.index(FRAMES)
    extra = max(arranged.shape[axis] - frames, 0)
    return Aligned(
        tensor=arranged.narrow(axis, 0, arranged.shape[axis] - extra), frames_left_out=extra
    )
