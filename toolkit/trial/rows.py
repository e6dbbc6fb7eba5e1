"""The module pairs of a comparison as rows: each once, with its worst errors over all clips."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from toolkit.compare import tolerances
from toolkit.core.result import ModuleRow
from toolkit.trial.measuring import PairErrors


def module_rows(
    measured: Iterable[Sequence[PairErrors]], kinds: Callable[[str], str]
) -> tuple[ModuleRow, ...]:
    """One row per pair, in the order of the first clip.

    Args:
        measured: The errors of every clip.
        kinds: Class name of a target module, by its path.
    """
    by_target: dict[str, list[PairErrors]] = {}
    for errors in measured:
        for one in errors:
            by_target.setdefault(one.pair.target, []).append(one)
    return tuple(_row(errors, kinds) for errors in by_target.values())


def nan_first(value: float) -> tuple[bool, float]:
    """What to sort errors by: what could not be compared is worst of all."""
    return math.isnan(value), value


def _row(errors: Sequence[PairErrors], kinds: Callable[[str], str]) -> ModuleRow:
    worst = max(errors, key=lambda one: nan_first(one.isolated))
    propagated = [one.propagated for one in errors if one.propagated is not None]
    return ModuleRow(
        target=worst.pair.target,
        source=worst.pair.source,
        kind=kinds(worst.pair.target),
        shape=errors[0].shape,
        axes=worst.pair.layout.output_axes[1],
        isolated_error=worst.isolated,
        isolated_tolerance=worst.tolerance,
        propagated_ratio=max(propagated, key=nan_first, default=None),
        propagated_tolerance=tolerances.PROPAGATED,
        clip=worst.clip,
        order=next((one.order for one in errors if one.order is not None), None),
    )
