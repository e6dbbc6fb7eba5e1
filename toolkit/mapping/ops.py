"""Tensor operations of the rules, each with its inverse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

Shape = tuple[int, ...]


class Op(Protocol):
    """What a rule does to one source tensor, which gives one or more target tensors."""

    @property
    def name(self) -> str:
        """How reports call the operation."""
        ...

    @property
    def exact(self) -> bool:
        """Whether the target computes with the source's values to the last bit."""
        ...

    def shapes(self, source: Shape) -> tuple[Shape, ...]:
        """The shapes of the targets, from the shape of the source."""
        ...

    def apply(self, source: Tensor) -> tuple[Tensor, ...]:
        """The targets, in the source's dtype."""
        ...

    def invert(self, targets: Sequence[Tensor]) -> Tensor:
        """The source again, from the targets."""
        ...


@dataclass(frozen=True)
class Copy:
    """The same values under another name."""

    name: str = "copy"
    exact: bool = True

    def shapes(self, source: Shape) -> tuple[Shape, ...]:
        """One target of the same shape."""
        return (source,)

    def apply(self, source: Tensor) -> tuple[Tensor, ...]:
        """The source itself."""
        return (source,)

    def invert(self, targets: Sequence[Tensor]) -> Tensor:
        """The one target itself."""
        (target,) = targets
        return target


@dataclass(frozen=True)
class SplitWeightNorm:
    """A weight W of shape (O, I, K) becomes g = ||W|| over (O, I), of shape (1, 1, K), and v = W.

    For a positional convolution whose weight norm was removed. `torch.nn.utils.parametrizations`
    keeps g as `original0` and v as `original1`; g * v / ||v|| is W again. A column of zeros would
    give 0 / 0, so its v is set to one and its g stays zero.
    Source: Salimans and Kingma 2016, and `transformers` issue 31633.
    """

    name: str = "split into weight norm"
    exact: bool = False
    """g is rounded to the dtype, so that g * v / ||v|| is W but for one rounding."""

    def shapes(self, source: Shape) -> tuple[Shape, ...]:
        """(1, 1, K) and (O, I, K)."""
        return (1, 1, source[-1]), source

    def apply(self, source: Tensor) -> tuple[Tensor, ...]:
        """The norm g and the direction v."""
        gain = _norm_per_tap(source)
        return gain.to(source.dtype), source.masked_fill(gain == 0, 1)

    def invert(self, targets: Sequence[Tensor]) -> Tensor:
        """The effective weight g * v / ||v||; v itself in a tap whose g is its rounded norm."""
        gain, direction = targets
        weight = effective_weight(gain, direction).to(direction.dtype)
        is_own = _norm_per_tap(direction).to(gain.dtype) == gain
        return direction.where(is_own, weight)


@dataclass(frozen=True)
class Pick:
    """One row of a tensor that has several of a kind along its first axis."""

    index: int = 0
    exact: bool = True

    @property
    def name(self) -> str:
        """The operation with its row."""
        return f"row {self.index}"

    def shapes(self, source: Shape) -> tuple[Shape, ...]:
        """One target without the first axis; none where the source lacks the row."""
        return (source[1:],) if source and self.index < source[0] else ()

    def apply(self, source: Tensor) -> tuple[Tensor, ...]:
        """A view of the source."""
        return (source[self.index],)

    def invert(self, targets: Sequence[Tensor]) -> Tensor:
        """The row alone, shape (1, ...): the source where it has no other."""
        (target,) = targets
        return target.unsqueeze(0)


@dataclass(frozen=True)
class Split:
    """Equal parts along the first axis, as query, key and value lie in one tensor."""

    parts: int
    exact: bool = True

    @property
    def name(self) -> str:
        """The operation with its number of parts."""
        return f"split into {self.parts}"

    def shapes(self, source: Shape) -> tuple[Shape, ...]:
        """As many targets as there are parts; none where the rows cannot be dealt out evenly."""
        if not source or source[0] % self.parts:
            return ()
        return ((source[0] // self.parts, *source[1:]),) * self.parts

    def apply(self, source: Tensor) -> tuple[Tensor, ...]:
        """Views of the source."""
        import torch

        return tuple(torch.split(source, source.shape[0] // self.parts))

    def invert(self, targets: Sequence[Tensor]) -> Tensor:
        """The parts one after the other."""
        import torch

        return torch.cat(list(targets))


@dataclass(frozen=True)
class Identity:
    """The identity matrix, for a projection that the source does without."""

    name: str = "identity matrix"

    def make(self, shape: Shape) -> Tensor:
        """A float32 matrix of `shape` with ones on the diagonal."""
        import torch

        return torch.eye(*shape)


@dataclass(frozen=True)
class Zeros:
    """Zeros, for a bias that the source does without."""

    name: str = "zeros"

    def make(self, shape: Shape) -> Tensor:
        """A float32 tensor of `shape`."""
        import torch

        return torch.zeros(shape)


@dataclass(frozen=True)
class Ones:
    """Ones, for a scale that the source does without."""

    name: str = "ones"

    def make(self, shape: Shape) -> Tensor:
        """A float32 tensor of `shape`."""
        import torch

        return torch.ones(shape)


@dataclass(frozen=True)
class Sinusoids:
    """Rows of sines and cosines, for positions that the source computes.

    Row r is position r as fairseq counts them, from `padding_idx + 1`; the row of padding is zero.
    Source: `fairseq/modules/sinusoidal_positional_embedding.py`.
    """

    padding: int = 1
    name: str = "table of sinusoids"

    def make(self, shape: Shape) -> Tensor:
        """A float32 matrix of `shape`: sines in the first half of columns, then cosines."""
        import torch

        rows, width = shape
        half = width // 2
        step = -(math.log(10000) / (half - 1))
        frequencies = torch.exp(torch.arange(half) * step)
        angles = torch.arange(rows).unsqueeze(1) * frequencies
        table = torch.cat([torch.sin(angles), torch.cos(angles)], dim=1)
        table = torch.nn.functional.pad(table, (0, width - 2 * half))
        table[self.padding] = 0
        return table


Filling: TypeAlias = Identity | Zeros | Ones | Sinusoids
"""Values that are made, not read."""
FILLINGS = (Identity, Zeros, Ones, Sinusoids)


def effective_weight(gain: Tensor, direction: Tensor) -> Tensor:
    """The weight g * v / ||v|| that a weight-normed convolution uses, computed in float64.

    Args:
        gain: g, shape (1, 1, K).
        direction: v, shape (O, I, K).

    Returns:
        Shape (O, I, K), float64.
    """
    return gain.double() * direction.double() / _norm_per_tap(direction)


def _norm_per_tap(weight: Tensor) -> Tensor:
    import torch

    norm: Tensor = torch.linalg.vector_norm(weight.double(), dim=(0, 1), keepdim=True)
    return norm
