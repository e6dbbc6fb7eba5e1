"""At which frames of a clip both models are apart, as numbers and as what a report draws."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from toolkit.compare.metrics import largest
from toolkit.core.pictures import (
    CODES_PER_DECADE,
    HIGHEST_CODE,
    LOWEST_EXPONENT,
    NOT_FINITE_CODE,
    ZERO_CODE,
    Track,
)

if TYPE_CHECKING:
    from torch import Tensor

MAX_POSITIONS = 200


def follow(
    name: str, expected: Tensor, actual: Tensor | None, tolerance: float, axis: int = 1
) -> Track | None:
    """How far two outputs are apart at each frame; None where they cannot be laid side by side.

    Args:
        name: What they are.
        expected: fairseq's, any shape.
        actual: The converted model's; None where there is none.
        tolerance: What they may differ by, relative to the largest expected value.
        axis: The one along which frames lie.
    """
    if actual is None or actual.shape != expected.shape or not expected.numel():
        return None
    errors = (expected.double() - actual.double()).abs() / (largest(expected) or 1.0)
    return track(name, errors.transpose(0, axis).flatten(1).amax(1), tolerance)


def follow_letters(name: str, expected: Tensor, actual: Tensor | None) -> Track | None:
    """At which frames the best symbol of the converted model is another one than fairseq's.

    Args:
        name: What they are.
        expected: fairseq's scores, shape (1, T, V).
        actual: The converted model's.
    """
    if actual is None or actual.shape != expected.shape or not expected.numel():
        return None
    return track(name, (expected.argmax(-1) != actual.argmax(-1))[0].double(), 0.0)


def track(name: str, errors: Tensor, tolerance: float) -> Track:
    """The error of each frame as a report draws it.

    Args:
        name: What is apart.
        errors: Shape (T,).
        tolerance: What is allowed.
    """
    return Track(
        name=name,
        positions=errors.numel(),
        errors=bytes(_code_beside(value, tolerance) for value in _thinned(errors).tolist()),
        tolerance=tolerance,
        wrong=int((~(errors <= tolerance)).sum()),
    )


def curve_codes(errors: Tensor) -> bytes:
    """One code for each position, or for as many neighbours as share one; see `error_code`.

    Args:
        errors: Shape (T,).
    """
    return bytes(error_code(value) for value in _thinned(errors).tolist())


def error_code(error: float) -> int:
    """An error in one byte, see `toolkit.core.pictures`."""
    if not math.isfinite(error):
        return NOT_FINITE_CODE
    if error <= 0:
        return 0
    code = 1 + round((math.log10(error) - LOWEST_EXPONENT) * CODES_PER_DECADE)
    return min(max(code, 1), HIGHEST_CODE)


def error_of(code: int) -> float:
    """What a code stands for; infinity for what is no finite number."""
    if code == ZERO_CODE:
        return 0.0
    if code == NOT_FINITE_CODE:
        return math.inf
    return float(10 ** (LOWEST_EXPONENT + (code - 1) / CODES_PER_DECADE))


def _code_beside(error: float, tolerance: float) -> int:
    """The code of an error, on the same side of the tolerance as the error itself."""
    code = error_code(error)
    is_right, looks_right = error <= tolerance, error_of(code) <= tolerance
    if is_right == looks_right:
        return code
    return code - 1 if is_right else code + 1


def _thinned(values: Tensor) -> Tensor:
    """At most `MAX_POSITIONS` values: the largest of as many neighbours each."""
    import torch

    group = math.ceil(values.numel() / MAX_POSITIONS)
    missing = -values.numel() % group
    padded = torch.cat([values, values[-1:].expand(missing)]) if missing else values
    return padded.reshape(-1, group).amax(1)
