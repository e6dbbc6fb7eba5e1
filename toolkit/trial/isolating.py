"""What a module does by itself: its output on fairseq's own input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.compare import tolerances
from toolkit.compare.metrics import relative_error
from toolkit.oracle.hooks import Call
from toolkit.oracle.precision import as_it_is
from toolkit.replay.pairs import Pair
from toolkit.replay.replay import (
    DOES_NOT_RUN,
    Outputs,
    first,
    paired_outputs,
    replay,
    replay_arguments,
)
from toolkit.replay.source import Source

if TYPE_CHECKING:
    from torch import nn


def isolate(
    pair: Pair, target: nn.Module, source: Source, made: Call, received: Call, tolerance: float
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

    Raises:
        CannotReplayError: shapes do not go together, as after a wrong stride.
    """
    with as_it_is():
        own = _own(pair, source, made, received, tolerance)
    return own or replay(pair, target, source, made, received)


def _own(
    pair: Pair, source: Source, made: Call, received: Call, tolerance: float
) -> Outputs | None:
    try:
        given = replay_arguments(pair.layout, made, received)
        outputs = paired_outputs(pair.layout, source, first(made.outputs), first(received.outputs))
    except DOES_NOT_RUN:
        return None
    replaced = [name for name, value in given.items() if value is not made.arguments[name]]
    inputs_agree = all(
        relative_error(given[name], made.arguments[name]) <= tolerances.SAME_INPUT
        for name in replaced
    )
    agree = inputs_agree and relative_error(outputs.expected, outputs.actual) <= tolerance
    return outputs if agree else None
