"""Whether the network that a recording is of takes standardized or plain waveforms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from toolkit.core.errors import BadInput
from toolkit.core.settled import Trial
from toolkit.families import Derived
from toolkit.families.waveforms import NORMALIZE
from toolkit.pipeline.questions import Question
from toolkit.trial.measuring import Record

LOUDEST = 1.2
"""No waveform goes much beyond full scale, 1.0; resampling may overshoot a little."""
CENTRED = 1e-6
"""A standardized waveform's mean, relative to its largest value: float32 rounding."""


def hear_input(question: Question, records: Sequence[Record], recording: Path) -> Derived:
    """Whether the network's own input is standardized or a plain waveform."""
    heard = [_possible_inputs(record) for record in records]
    possible = [value for value in (True, False) if all(value in one for one in heard)]
    trials = tuple(
        Trial(
            values={NORMALIZE: value},
            error=0.0 if value in possible else math.inf,
            matches=value in possible,
        )
        for value in (True, False)
    )
    figures = _figures(records[0])
    if not possible:
        raise BadInput(
            f"`{recording}` must hold inputs of the network that are all standardized or all plain "
            f"waveforms, but they are neither: the first has {figures}. Record again."
        )
    if len(possible) > 1:
        evidence = f"{question.assumed.evidence}, and the recording `{recording}` cannot tell: "
        return replace(question.assumed, evidence=evidence + figures, trials=trials)
    kind = "standardized" if possible[0] else "a plain waveform"
    evidence = f"the recording `{recording}` says: the network's input has {figures}: {kind}"
    return Derived(value=possible[0], evidence=evidence, trials=trials)


def _possible_inputs(record: Record) -> set[bool]:
    source = record.source.double()
    peak = float(source.abs().max())
    centred = abs(float(source.mean())) <= CENTRED * max(peak, 1.0)
    standardized = centred and float(source.var(correction=0)) <= 1.0 + CENTRED
    return {value for value, fits in ((True, standardized), (False, peak <= LOUDEST)) if fits}


def _figures(record: Record) -> str:
    source = record.source.double()
    mean, variance = float(source.mean()), float(source.var(correction=0))
    return f"mean {mean:.1e}, variance {variance:.3g} and peak {float(source.abs().max()):.3g}"
