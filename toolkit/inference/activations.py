"""Which modules of two models give the same, up to an order of axes that the data shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

NEAR = 1e-9
"""Largest difference between two outputs that are the same, relative to the largest value: both are
computed in float64."""


class Outputs:
    """What the modules of a model gave, to be looked up by value."""

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        """Takes tensors in float64."""
        self._by_size: dict[tuple[int, ...], list[Tensor]] = defaultdict(list)
        for tensor in tensors:
            self._by_size[tuple(sorted(tensor.shape))].append(tensor)

    def holds(self, wanted: Tensor) -> bool:
        """Whether a module gave this."""
        candidates = self._by_size.get(tuple(sorted(wanted.shape)), [])
        return any(difference(candidate, wanted) <= NEAR for candidate in candidates)


def difference(found: Tensor, wanted: Tensor) -> float:
    """The largest difference of two outputs relative to the largest value, in their best order.

    The same infinity in the same place is no difference: it stands for what a model rules out.
    Infinite where they hold other sizes, or something that is no number.
    """
    if sorted(found.shape) != sorted(wanted.shape) or not bool(wanted.isfinite().any()):
        return float("inf")
    scale = float(_finite(wanted).abs().max())
    sums = [float(_finite(tensor).abs().sum()) for tensor in (found, wanted)]
    if abs(sums[0] - sums[1]) > NEAR * scale * found.numel():
        return float("inf")
    best = float("inf")
    for order in permutations(range(found.dim())):
        turned = found.permute(order)
        if turned.shape == wanted.shape:
            differing = float((turned - wanted).abs().where(turned != wanted, 0).max())
            best = min(best, differing / scale if scale else differing)
        if best <= NEAR:
            break
    return best


def _finite(tensor: Tensor) -> Tensor:
    return tensor.where(tensor.isfinite(), 0)


def same_whole(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> float:
    """The largest difference of what two models give as a whole.

    Args:
        found: What one gives.
        wanted: All that the other gives; where the first gives less, the difference is infinite.
    """
    if not wanted or not found.keys() >= wanted.keys():
        return float("inf")
    return max(difference(found[name], wanted[name]) for name in wanted)


def count_found(calls: Sequence[tuple[str, Tensor]], outputs: Outputs) -> int:
    """How many of a model's calls gave what a module of the other gave."""
    return sum(outputs.holds(tensor) for _, tensor in calls)
