"""A value that a checkpoint does not say, and a recording of fairseq or the model itself gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.core.coverage import Reason
from toolkit.core.json import JsonObject


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One candidate, or one combination of several, held against a recording, or against speech."""

    values: JsonObject
    """By key, such as `encoder.num_attention_heads`."""
    error: float
    """Isolated error of the module that shows the difference; infinity where it does not even take
    fairseq's input. For the network's input: zero where it can be, infinity where it cannot. Where
    the model itself chooses: nats that a symbol of a transcript, or a masked frame, costs it."""
    matches: bool


@dataclass(frozen=True, kw_only=True)
class Settled(Reason):
    """Why a value is what it is: it alone fits a recording, or makes speech likely to the model."""

    trials: tuple[Trial, ...]


def unproven(reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    """The assumptions that stand on evidence alone."""
    return tuple(reason for reason in reasons if not isinstance(reason, Settled))


def settled(reasons: Sequence[Reason]) -> tuple[Settled, ...]:
    """The values that a recording, or the model itself, gave."""
    return tuple(reason for reason in reasons if isinstance(reason, Settled))
