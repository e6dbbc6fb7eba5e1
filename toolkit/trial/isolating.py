"""What a module does by itself: its output on fairseq's own input."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from toolkit.compare import tolerances
from toolkit.compare.metrics import relative_error
from toolkit.oracle.failing import DOES_NOT_RUN
from toolkit.oracle.hooks import Call
from toolkit.oracle.precision import as_it_is
from toolkit.replay.pairs import Pair
from toolkit.replay.replay import Outputs, first, paired_outputs, replay, replay_arguments
from toolkit.replay.source import Source

if TYPE_CHECKING:
    from torch import nn


def isolate(
    pair: Pair,
    target: nn.Module,
    source: Source,
    made: Call,
    received: Call,
    tolerance: float,
    *,
    in_place: bool = False,
) -> Outputs:
    """What a module makes of fairseq's input, beside fairseq's output.

    Where the module received that very input, up to rounding, as it does behind modules that are
    all right, and made of it what fairseq makes, its own call is the answer. Anything else is
    replayed.

    Args:
        pair: The two modules.
        target: The whole Hugging Face model.
        source: The whole fairseq model.
        made: The target module's call, in float64.
        received: The source module's call, in float64.
        tolerance: What the module may differ by.
        in_place: Whether its own call is the answer whatever it received, where it gave what
            fairseq's gave: of unrelated models one may count positions from another number.

    Raises:
        CannotReplayError: shapes do not go together, as after a wrong stride.
    """
    with as_it_is():
        own = _own(pair, source, made, received, tolerance, in_place)
    return own or replay(pair, target, source, made, received)


def _own(
    pair: Pair, source: Source, made: Call, received: Call, tolerance: float, in_place: bool
) -> Outputs | None:
    try:
        outputs = paired_outputs(pair.layout, source, first(made.outputs), first(received.outputs))
        same_input = in_place or inputs_agree(pair, made, received)
    except DOES_NOT_RUN:
        return None
    if not same_input:
        return None
    error = relative_error(outputs.expected, outputs.actual)
    return replace(outputs, error=error) if error <= tolerance else None


def inputs_agree(
    pair: Pair, made: Call, received: Call, tolerance: float = tolerances.SAME_INPUT
) -> bool:
    """Whether a module was given in its place what fairseq's was given.

    Args:
        pair: The two modules.
        made: The target module's call.
        received: The source module's call.
        tolerance: What the inputs may differ by.

    Raises:
        Exception: one of `DOES_NOT_RUN`, as shapes do not go together.
    """
    given = replay_arguments(pair.layout, made, received)
    replaced = [name for name, value in given.items() if value is not made.arguments[name]]
    return all(relative_error(given[name], made.arguments[name]) <= tolerance for name in replaced)
