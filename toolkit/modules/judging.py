"""Levels of a comparison of two models: their tensors, their modules, what they return."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from toolkit.compare import tolerances
from toolkit.compare.metrics import relative_error
from toolkit.core.counting import counted, listed
from toolkit.core.errors import BadInput
from toolkit.core.findings import FindingKind
from toolkit.core.measures import RELATIVE, Level, Measure
from toolkit.core.result import ModuleRow
from toolkit.modules.layouts import read_axes
from toolkit.modules.planning import Weights
from toolkit.modules.running import Heard
from toolkit.trial.rows import nan_first

if TYPE_CHECKING:
    from torch import Tensor

LEVELS = ("weights", "modules", "outputs")
KINDS: Mapping[str, FindingKind] = {"weights": "weights", "modules": "wiring", "outputs": "wiring"}
"""What findings of each level are about."""


def weights_level(weights: Weights) -> Level:
    """Whether every tensor of the target holds what the rules make of the source's."""
    expected = weights.expected.tensors
    errors = {
        n: relative_error(t, weights.actual[n]) for n, t in expected.items() if n in weights.actual
    }
    lost = [name for name in expected if name not in weights.actual]
    worst = max(errors, key=lambda name: nan_first(errors[name]), default="")
    wrong = sum(not error <= tolerances.EXACT for error in errors.values())
    return Level(
        name="weights",
        measures=(
            Measure(
                name="tensors",
                where=worst,
                error=errors.get(worst, 0.0),
                tolerance=tolerances.EXACT,
                unit=RELATIVE,
                compared=len(errors),
            ),
            Measure(
                name="on one side alone",
                where=listed([*lost, *weights.extra], shown=3),
                error=float(len(lost) + len(weights.extra)),
                tolerance=tolerances.EXACT,
                unit="tensors",
                compared=len(expected) + len(weights.extra),
            ),
        ),
        summary=f"{len(errors) - wrong} of {len(errors)} tensors hold the source's values",
    )


def modules_level(rows: Sequence[ModuleRow]) -> Level:
    """Whether every module does on the source's input what its counterpart does."""
    worst = max(rows, key=lambda row: nan_first(row.isolated_error), default=None)
    agreeing = sum(row.verdict == "pass" for row in rows)
    measure = Measure(
        name="isolated",
        where="" if worst is None else worst.target,
        error=math.nan if worst is None else worst.isolated_error,
        tolerance=tolerances.ISOLATED if worst is None else worst.isolated_tolerance,
        unit=RELATIVE,
        compared=len(rows),
    )
    return Level(
        name="modules",
        measures=(measure,),
        summary=(
            f"{agreeing} of {counted(len(rows), 'pairs')} agree; isolated {measure.error:.1e} in "
            "float64"
        ),
    )


def outputs_level(
    source: Heard, target: Heard, named: Mapping[str, str] | None, tolerance: float
) -> Level:
    """Whether both models return the same, in float64.

    Args:
        source: What the source did.
        target: What the target did.
        named: Paths of tensors in what the source returns, each with that in what the target does;
            the first tensor of each where None.
        tolerance: What they may differ by.

    Raises:
        BadInput: a name is that of no tensor.
    """
    if named is None:
        named = {next(iter(source.outputs)): next(iter(target.outputs), "")}
    elif target.trouble is None:
        _expect_known("source", source, named.keys())
        _expect_known("target", target, named.values())
    errors = {
        name: _error(source.outputs[key], target.outputs.get(name)) for key, name in named.items()
    }
    worst = max(errors, key=lambda name: nan_first(errors[name]), default="")
    measure = Measure(
        name="outputs",
        where=worst,
        error=errors.get(worst, math.nan),
        tolerance=tolerance,
        unit=RELATIVE,
        compared=len(errors),
    )
    said = (
        f"the target raises {target.trouble}"
        if target.trouble
        else (f"{counted(len(errors), 'outputs')}, at most {measure.error:.1e} apart in float64")
    )
    return Level(name="outputs", measures=(measure,), summary=said)


def _error(given: Tensor, held: Tensor | None) -> float:
    """The error in the layout in which it is least."""
    if held is None:
        return math.inf
    ways = read_axes(given, held).ways
    return min((relative_error(way.place(given), held) for way in ways), default=math.inf)


def _expect_known(side: str, heard: Heard, names: Collection[str]) -> None:
    unknown = [name for name in names if name not in heard.outputs]
    if unknown:
        raise BadInput(
            f"`outputs` must name tensors that the {side} returns, but it returns no "
            f"`{unknown[0]}`. It returns {listed([f'`{name}`' for name in heard.outputs])}."
        )
