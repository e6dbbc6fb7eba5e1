"""Levels that need no forward pass and no tokenizer: weights and configuration."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.checkpoint import Checkpoint
from toolkit.compare import tolerances
from toolkit.compare.keys import expected_keys, key_faults
from toolkit.compare.labels import apart_from_labels
from toolkit.compare.metrics import elementwise_error, largest, relative_error
from toolkit.core.measures import RELATIVE, Level, Measure
from toolkit.folder.contents import FolderContents
from toolkit.folder.view import FolderView
from toolkit.folder.weights import target_tensor
from toolkit.mapping import Plan
from toolkit.mapping.ops import effective_weight
from toolkit.oracle.pages import ENOUGH_WITHIN_BYTES, let_go
from toolkit.oracle.places import Places

if TYPE_CHECKING:
    from torch import Tensor

    from toolkit.replay.target import Target

GAIN = ".parametrizations.weight.original0"
DIRECTION = ".parametrizations.weight.original1"


@dataclass(frozen=True, kw_only=True)
class WeightError:
    """How far one target tensor is from what the mapping makes of the source."""

    target: str
    error: float
    expected_shape: tuple[int, ...]
    actual_shape: tuple[int, ...]


def weight_errors(plan: Plan, checkpoint: Checkpoint, target: Target) -> tuple[WeightError, ...]:
    """The error of every tensor in the model's state dict, weight norm as effective weight.

    A weight-normed convolution is one entry, under the name of its direction: another split into
    factors gives the same convolution.
    """
    state = target.state()
    twins = {tie.target: tie.target_twin for tie in plan.ties}
    errors = []
    for name in (name for name in plan.targets if not name.endswith(GAIN)):
        errors.append(_weight_error(name, plan, checkpoint, state, twins))
        let_go(ENOUGH_WITHIN_BYTES)
    return tuple(errors)


def split_otherwise(plan: Plan, checkpoint: Checkpoint, target: Target) -> frozenset[str]:
    """The factors of weight norms that are the same weight but for rounding, split another way.

    What computes with them is rounded likewise.
    """
    state = target.state()
    twins = {tie.target: tie.target_twin for tie in plan.ties}
    names: set[str] = set()
    for direction in (name for name in plan.targets if name.endswith(DIRECTION)):
        gain = direction.removesuffix(DIRECTION) + GAIN
        if not {gain, direction} <= state.keys():
            continue
        wanted = [_expected(name, plan, checkpoint, twins) for name in (gain, direction)]
        expected, actual = (wanted[0], wanted[1]), (state[gain].cpu(), state[direction].cpu())
        same = all(e.equal(a) for e, a in zip(expected, actual, strict=True))
        if not same and effective_error(expected, actual) <= tolerances.EFFECTIVE_WEIGHT:
            names |= {gain, direction}
    return frozenset(names)


def right_in_files(errors: Sequence[WeightError], target: Target) -> frozenset[str]:
    """The tensors that are equal, and that the model holds as views of the folder's own files.

    Nobody who reads the files finds them otherwise.
    """
    if target.view.pickled:
        return frozenset()
    state, stored = target.state(), target.view.tensors
    names = [e.target for e in errors if e.error == 0 and e.target in stored and e.target in state]
    held = {name: (state[name], stored[name]) for name in names}
    places = Places()
    return frozenset(name for name, sides in held.items() if places.are_one(*sides))


def weights_level(errors: tuple[WeightError, ...], target: Target) -> Level:
    """Whether every tensor holds what the mapping makes of the source."""
    normed = [e for e in errors if e.target.endswith(DIRECTION)]
    plain = [e for e in errors if not e.target.endswith(DIRECTION)]
    loading = target.loading
    strange = (*loading.missing, *loading.unexpected, *loading.mismatched)
    unit = RELATIVE
    measures = [
        _worst_weight("tensors", plain, tolerances.EXACT, unit),
        _worst_weight("effective weights", normed, tolerances.EFFECTIVE_WEIGHT, unit),
        Measure(
            name="missing, unexpected or mismatched in the file",
            where=", ".join(strange[:3]),
            error=float(len(strange)),
            tolerance=tolerances.EXACT,
            unit="tensors",
            compared=len(errors),
        ),
    ]
    wrong = sum(e.error > tolerances.EFFECTIVE_WEIGHT for e in errors)
    return Level(
        name="weights",
        measures=tuple(m for m in measures if m.compared),
        summary=f"{len(errors) - wrong} of {len(errors)} tensors hold the source's values",
    )


def config_level(contents: FolderContents, target: Target) -> Level:
    """Whether every configuration key that the checkpoint determines has its value.

    Labels of classes are judged by a level of their own.
    """
    compared = sum(1 for _ in expected_keys(contents))
    differing = apart_from_labels(contents, key_faults(contents, target.view))
    return Level(
        name="config",
        measures=(
            Measure(
                name="keys",
                where=", ".join(d.key for d in differing[:3]),
                error=float(len(differing)),
                tolerance=tolerances.EXACT,
                unit="keys",
                compared=compared,
            ),
            foreign_measure(target.view),
        ),
        summary=(
            f"{len(differing)} keys are not as the checkpoint says"
            if differing
            else f"all {compared} keys are as the checkpoint says"
        ),
    )


def foreign_measure(view: FolderView) -> Measure:
    """Whether what the folder carries to be run, and refers to, is the toolkit's own."""
    return Measure(
        name="code that is not the toolkit's",
        where=", ".join(item.config_key for item in view.foreign[:3]),
        error=float(len(view.foreign)),
        tolerance=tolerances.EXACT,
        unit="files and keys",
        compared=1,
    )


def _weight_error(
    name: str,
    plan: Plan,
    checkpoint: Checkpoint,
    state: Mapping[str, Tensor],
    twins: Mapping[str, str],
) -> WeightError:
    expected = _expected(name, plan, checkpoint, twins)
    actual = state.get(name)
    if actual is None:
        return WeightError(
            target=name, error=float("nan"), expected_shape=tuple(expected.shape), actual_shape=()
        )
    actual = actual.cpu()
    shapes = {"expected_shape": tuple(expected.shape), "actual_shape": tuple(actual.shape)}
    error = relative_error(expected, actual)
    if name.endswith(DIRECTION) and expected.shape == actual.shape:
        gain = name.removesuffix(DIRECTION) + GAIN
        factors = (_expected(gain, plan, checkpoint, twins), expected)
        error = effective_error(factors, (state[gain].cpu(), actual))
    return WeightError(target=name, error=error, **shapes)


def effective_error(expected: tuple[Tensor, Tensor], actual: tuple[Tensor, Tensor]) -> float:
    """How far two weight norms, each gain and direction, are apart in what they compute with.

    Returns:
        The largest difference of an element over its own size, infinity where shapes differ, NaN
        where no weight comes of the factors.
    """
    if any(one.shape != other.shape for one, other in zip(expected, actual, strict=True)):
        return math.inf
    weight = effective_weight(*expected)
    if all(one.equal(other) for one, other in zip(expected, actual, strict=True)):
        return 0.0 if math.isfinite(largest(weight)) else math.nan
    return elementwise_error(weight, effective_weight(*actual))


def _expected(name: str, plan: Plan, checkpoint: Checkpoint, twins: Mapping[str, str]) -> Tensor:
    return target_tensor(plan.assignments[twins.get(name, name)], plan, checkpoint.mapped)


def _worst_weight(name: str, errors: list[WeightError], tolerance: float, unit: str) -> Measure:
    worst = max(errors, key=lambda e: (e.error != e.error, e.error), default=None)
    return Measure(
        name=name,
        where="" if worst is None else worst.target,
        error=0.0 if worst is None else worst.error,
        tolerance=tolerance,
        unit=unit,
        compared=len(errors),
    )
