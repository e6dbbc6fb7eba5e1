"""Levels of a comparison of two models: their tensors, their modules, what they return."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
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


def modules_level(rows: Sequence[ModuleRow], outputs: Level) -> Level:
    """Whether every module does on the source's input what its counterpart does.

    Args:
        rows: The pairs that were compared.
        outputs: What the models themselves are held against, for those that have no parts.
    """
    if not rows:
        return replace(outputs, name="modules", summary="the models have no parts to compare")
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
            those that go together by themselves where None.
        tolerance: What they may differ by.

    Raises:
        BadInput: a name is that of no tensor.
    """
    if named is None:
        named = _going_together(source.outputs, target.outputs)
    elif target.trouble is None:
        _expect_known("source", source, named.keys())
        _expect_known("target", target, named.values())
    read = {n: _nearest(source.outputs[key], target.outputs.get(n)) for key, n in named.items()}
    errors = {name: error for name, (error, _) in read.items()}
    worst = max(errors, key=lambda name: nan_first(errors[name]), default="")
    measure = Measure(
        name="outputs",
        where=worst,
        error=errors.get(worst, math.nan),
        tolerance=tolerance,
        unit=RELATIVE,
        compared=len(errors),
    )
    axes = ", ".join(dict.fromkeys(f"`{said}`" for _, said in read.values() if said))
    apart = f"{counted(len(errors), 'outputs')}, at most {measure.error:.1e} apart in float64"
    said = f"{apart}; lying as {axes}" if axes else apart
    return Level(
        name="outputs",
        measures=(measure,),
        summary=f"the target raises {target.trouble}"
        if target.trouble
        else said + _left_out(source, target, named),
    )


def _going_together(source: Collection[str], target: Collection[str]) -> Mapping[str, str]:
    """The first tensors, and those with the same name on both sides.

    A place among others is a name only where both sides return the same places.
    """
    first, own_first = next(iter(source)), next(iter(target), "")
    same_places = set(source) == set(target)
    shared = (
        path
        for path in source
        if path in target and (same_places or not path.partition(".")[0].isdigit())
    )
    return {first: own_first, **{path: path for path in shared if path not in (first, own_first)}}


def _left_out(source: Heard, target: Heard, named: Mapping[str, str]) -> str:
    """What is returned and was not compared, in words."""
    sides = {"source": (source.outputs, {*named}), "target": (target.outputs, {*named.values()})}
    left = (
        f"the {side}'s {listed([f'`{path}`' for path in missed])}"
        for side, (given, known) in sides.items()
        if (missed := [path for path in given if path not in known])
    )
    words = " and ".join(left)
    return f"; not compared: {words}, which `outputs` can name" if words else ""


def _nearest(given: Tensor, held: Tensor | None) -> tuple[float, str]:
    """The error in the layout in which it is least; that layout, where axes change places."""
    if held is None:
        return math.inf, ""
    ways = read_axes(given, held).ways
    errors = [(relative_error(way.place(given), held), way) for way in ways]
    error, way = min(errors, key=lambda pair: nan_first(pair[0]), default=(math.inf, None))
    moved = way is not None and way.source != way.target
    return error, f"{way.source} -> {way.target}" if way is not None and moved else ""


def _expect_known(side: str, heard: Heard, names: Collection[str]) -> None:
    unknown = [name for name in names if name not in heard.outputs]
    if unknown:
        raise BadInput(
            f"`outputs` must name tensors that the {side} returns, but it returns no "
            f"`{unknown[0]}`. It returns {listed([repr(name) for name in heard.outputs])}."
        )
