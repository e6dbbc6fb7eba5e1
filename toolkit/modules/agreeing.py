"""Two models of which every module gives what its counterpart gives, as what they give says alone.

What modules are given is not looked at, so that it need not be kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from toolkit.compare.metrics import relative_error
from toolkit.modules.layouts import read_axes
from toolkit.modules.meeting import Meeting, round_name
from toolkit.oracle.hooks import Calls, rest
from toolkit.replay.pairs import Layout, Pair
from toolkit.replay.replay import DOES_NOT_RUN, first, paired_outputs
from toolkit.trial.measuring import PairErrors

if TYPE_CHECKING:
    from torch import nn

NOT_READ = "X"
"""How that lies which a module is given."""


def maybe_agreed(
    meetings: Sequence[Meeting],
    declared: Mapping[str, Layout],
    source: nn.Module,
    calls: tuple[Calls, Calls],
    tolerance: Callable[[str], float],
) -> tuple[PairErrors, ...] | None:
    """The errors of all pairs; None if one is too large, or a layout is not sure.

    Args:
        meetings: What is compared.
        declared: Layouts that need not be read, by the path of a target module.
        source: The whole source.
        calls: Those of the source and of the target.
        tolerance: What a module may differ by, by its path in the target.
    """
    compared = {meeting.target for meeting in meetings}
    answered = {path: place for place, path in enumerate(p for p in calls[1] if p in compared)}
    errors = []
    for meeting in meetings:
        layout = declared.get(meeting.target) or _maybe_layout(meeting)
        if layout is None:
            return None
        error = _maybe_small(meeting, layout, source, tolerance(meeting.target))
        if error is None:
            return None
        errors.append(replace(error, order=answered[meeting.target]))
        for made in calls:
            rest(made)
    return tuple(errors)


def _maybe_layout(meeting: Meeting) -> Layout | None:
    ways = read_axes(first(meeting.received.outputs), first(meeting.made.outputs)).ways
    if len(ways) != 1:
        return None
    source, target = (f"{NOT_READ} -> {axes}" for axes in ways[0].kind)
    return Layout(meeting.target, source, target, sizes=dict(ways[0].sizes))


def _maybe_small(
    meeting: Meeting, layout: Layout, source: nn.Module, tolerance: float
) -> PairErrors | None:
    made, received = first(meeting.made.outputs), first(meeting.received.outputs)
    try:
        outputs = paired_outputs(layout, source, made, received)
    except DOES_NOT_RUN:
        return None
    error = relative_error(outputs.expected, outputs.actual)
    if not error <= tolerance:
        return None
    return PairErrors(
        pair=Pair(target=meeting.target, source=meeting.source, layout=layout),
        clip=round_name(meeting.number),
        isolated=error,
        tolerance=tolerance,
        shape=tuple(made.shape),
        frames_left_out=outputs.frames_left_out,
    )
