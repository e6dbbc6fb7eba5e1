"""How far two tensors are apart."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

PART = 1 << 18
"""Elements that are compared at a time: in float64 2 MB, which stay in a core's cache."""


def relative_error(expected: Tensor, actual: Tensor) -> float:
    """The largest absolute difference over the largest absolute expected value.

    One denominator for the whole tensor, so that rounding of values near zero does not count as an
    error, and a permutation of values does. The comparison is in float64.

    Returns:
        0.0 for equal tensors, infinity where the shapes differ, NaN where a value is not finite on
        one side only; the plain difference where every expected value is zero.
    """
    import torch

    if expected.shape != actual.shape:
        return math.inf
    if torch.equal(expected, actual):
        return 0.0
    difference, scale = _largest_of_both(expected, actual)
    return difference / scale if scale > 0 else difference


def elementwise_error(expected: Tensor, actual: Tensor) -> float:
    """The largest difference of an element over that element's own expected size.

    For weights that were split into other factors: rounding changes every element by its own share,
    a fault one of them by more, however small the element is.

    Returns:
        0.0 for equal tensors, infinity where the shapes differ, or where a zero became something.
    """
    import torch

    if expected.shape != actual.shape:
        return math.inf
    difference = (expected.double() - actual.double()).abs()
    shares = torch.where(difference == 0, 0.0, difference / expected.double().abs())
    return largest(shares)


def noise_ratio(exact: Tensor, reference: Tensor, actual: Tensor) -> float:
    """The error of `actual` in units of the reference's own rounding error.

    Args:
        exact: The reference in float64.
        reference: The reference in float32.
        actual: The converted model in float32.

    Returns:
        1.0 where `actual` errs as the reference itself does. The reference's error counts as at
        least one unit in the last place of the largest value, so that exact layers do not divide
        by zero; infinity where the shapes differ.
    """
    import torch

    if exact.shape != actual.shape or exact.shape != reference.shape:
        return math.inf
    own = _largest_difference(exact, reference)
    floor = torch.finfo(torch.float32).eps * largest(exact)
    error = _largest_difference(exact, actual)
    return error / max(own, floor) if max(own, floor) > 0 else (0.0 if error == 0 else math.inf)


def _largest_difference(expected: Tensor, actual: Tensor) -> float:
    return _largest_of_both(expected, actual)[0]


def _largest_of_both(expected: Tensor, actual: Tensor) -> tuple[float, float]:
    """The largest difference, and the largest expected value."""
    # In parts: embeddings of a quarter of a million rows would take gigabytes in float64.
    found = [(largest(e.double() - a.double()), largest(e)) for e, a in _parts(expected, actual)]
    differences, values = zip(*found, strict=True)
    return _worst(differences), _worst(values)


def _worst(values: Sequence[float]) -> float:
    return math.nan if any(map(math.isnan, values)) else max(values)


def _parts(one: Tensor, other: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Two tensors of one shape in views of at most `PART` elements, however they lie in memory."""
    import torch

    if one.numel() <= PART:
        yield one, other
        return
    rows = PART * len(one) // one.numel()
    for pair in zip(*(torch.split(tensor, max(rows, 1)) for tensor in (one, other)), strict=True):
        yield from _parts(*pair) if rows else _parts(pair[0][0], pair[1][0])


def largest(tensor: Tensor) -> float:
    """The largest absolute value; 0.0 for an empty tensor, NaN where one is NaN."""
    if not tensor.numel():
        return 0.0
    low, high = tensor.aminmax()
    return max(abs(float(low)), abs(float(high)))
