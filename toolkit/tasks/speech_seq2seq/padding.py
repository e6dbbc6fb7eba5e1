"""The padding level: one batch of clips of unequal length on both sides.

A stock adapter takes no mask, fairseq's adaptor zeroes the frames beyond a clip's end. That
difference is declared, measured, and accepted only if everything before and after the adapter
agrees and the adapter itself agrees once those frames are zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.compare import tolerances
from toolkit.compare.metrics import relative_error
from toolkit.compare.probes import PaddingProbes
from toolkit.core.measures import RELATIVE, Level, Measure
from toolkit.core.result import Deviation
from toolkit.oracle.asking import Pass
from toolkit.oracle.hooks import Call
from toolkit.replay.pairs import Pair
from toolkit.replay.replay import CannotReplayError, Outputs
from toolkit.tasks.speech.batch import Batch, choose_batch
from toolkit.tasks.speech.hearing import SpeechBench
from toolkit.tasks.speech.levels import padded_tolerance
from toolkit.tasks.speech_seq2seq.clip import ClipRun
from toolkit.trial.isolating import isolate

if TYPE_CHECKING:
    from torch import Tensor

REFERENCES = {
    "masked": "fairseq since August 2022, which zeroes frames beyond a clip's end",
    "unmasked": "fairseq before August 2022, whose adaptor reads frames beyond a clip's end",
    "right": "fairseq on the same batch, padded on the right",
    "alone": "fairseq on each clip alone, as it cannot run this adaptor on padded batches",
}
"""What a padded batch is compared with."""


@dataclass(frozen=True, kw_only=True)
class _Both:
    """What both sides make of the batch, the modules recorded that it is taken apart at."""

    pairs: tuple[Pair, ...]
    received: Pass
    """fairseq's."""
    made: Pass
    exact: bool
    """Whether both computed in float64, attention step by step."""


def padding_level(
    bench: SpeechBench, runs: Sequence[ClipRun], probes: PaddingProbes, *, thorough: bool
) -> Level:
    """Runs one padded batch on both sides and says how far its logits are apart, and why.

    Where they are, the batch is taken apart as it was heard, in float32; in float64, which takes
    most of the time, where that leaves a doubt, or where a module errs alone.

    Args:
        bench: The models.
        runs: All clips.
        probes: Where the batch can be taken apart.
        thorough: Whether it is taken apart in float64 in any case.
    """
    batch = choose_batch(runs)
    both = None if probes.reference == "alone" else _together(bench, batch, probes, exact=False)
    heard = _alone(bench, batch) if both is None else (both.received.logits, both.made.logits)
    error, where = _worst_row(batch, *heard)
    tolerance = padded_tolerance(runs)
    exact = error <= tolerance
    wanted = thorough or any(not one.isolated <= one.tolerance for r in runs for one in r.pairs)
    parts = () if both is None or exact else _parts(bench, batch, probes, both, wanted)
    explained = all(part.verdict == "pass" for part in parts)
    whole = Measure(
        name="logits of a padded batch",
        where=where,
        error=error,
        tolerance=tolerance,
        unit=RELATIVE,
        compared=len(batch.names),
        declared=probes.unmasked is not None and explained and bool(parts),
    )
    return Level(
        name="padding",
        measures=(whole, *parts),
        summary=(
            f"one batch of {', '.join(batch.names)}: logits differ by {error:.1e} of the largest "
            f"from {REFERENCES[probes.reference]}"
        ),
    )


def padding_deviation(level: Level, probes: PaddingProbes) -> Deviation | None:
    """The declared difference of padded batches, or None where there is none."""
    whole = level.measures[0]
    if whole.verdict != "deviation" or probes.unmasked is None:
        return None
    return Deviation(
        name="unmasked_adapter",
        summary=(
            f"in padded batches `{probes.unmasked}` reads the frames beyond a clip's end, which "
            "fairseq zeroes, and nothing else differs. Clips heard one by one are not affected: "
            "who runs batches of unequal lengths would notice"
        ),
        where=whole.where,
        max_error=whole.error,
    )


def _together(bench: SpeechBench, batch: Batch, probes: PaddingProbes, *, exact: bool) -> _Both:
    """Both sides' passes over the batch."""
    looked_at = (probes.before, probes.unmasked, probes.after)
    by_target = {pair.target: pair for pair in bench.pairing.pairs}
    pairs = tuple(by_target[path] for path in looked_at if path is not None and path in by_target)
    sources = {pair.source for pair in pairs}
    targets = {pair.target for pair in pairs}
    given = (batch.sources, batch.prefixes)
    return _Both(
        pairs=pairs,
        received=bench.reference.forward(*given, explicit=exact, double=exact, only=sources),
        made=bench.target.forward(*given, explicit=exact, double=exact, only=targets),
        exact=exact,
    )


def _alone(bench: SpeechBench, batch: Batch) -> tuple[Sequence[Tensor], Tensor]:
    """Fairseq's logits of every clip by itself, and the folder's of the batch."""
    expected = tuple(
        bench.reference.forward([source], [prefix], only=()).logits[0]
        for source, prefix in zip(batch.sources, batch.prefixes, strict=True)
    )
    return expected, bench.target.forward(batch.sources, batch.prefixes, only=()).logits


def _worst_row(batch: Batch, expected: Sequence[Tensor], actual: Tensor) -> tuple[float, str]:
    errors = []
    for row, (name, prefix) in enumerate(zip(batch.names, batch.prefixes, strict=True)):
        tokens = len(prefix)
        error = relative_error(expected[row][:tokens], actual[row, :tokens])
        errors.append((error, name))
    return max(errors, key=lambda item: (item[0] != item[0], item[0]))


def _parts(
    bench: SpeechBench, batch: Batch, probes: PaddingProbes, both: _Both, wanted: bool
) -> tuple[Measure, ...]:
    """How far each part is apart by itself: as it was heard, or in float64 where that is wanted."""
    # Older recordings hold no float32 calls of a batch.
    recorded = all(pair.source in both.received.calls for pair in both.pairs)
    if recorded and not wanted:
        parts = _taken_apart(bench, batch, probes, both)
        if all(part.verdict == "pass" for part in parts):
            return parts
    exact = _together(bench, batch, probes, exact=True)
    with bench.target.exact():
        return _taken_apart(bench, batch, probes, exact)


def _taken_apart(
    bench: SpeechBench, batch: Batch, probes: PaddingProbes, both: _Both
) -> tuple[Measure, ...]:
    tokens = _lengths_mask([len(prefix) for prefix in batch.prefixes])
    parts = []
    for pair in both.pairs:
        made, received = both.made.calls[pair.target][0], both.received.calls[pair.source][0]
        if pair.target == probes.unmasked:
            received = _zeroed(received)
        tolerance = _tolerance(bench, pair, both)
        error, compared = math.inf, 1
        with suppress(CannotReplayError):
            outputs = isolate(pair, bench.target.model, bench.source, made, received, tolerance)
            is_last = pair.target == probes.after
            kept = tokens if is_last else _kept_frames(both.received, outputs, pair)
            error, compared = _kept_error(outputs, kept), int(kept.sum())
        parts.append(_part(pair, both, error, compared, tolerance))
    return tuple(parts)


def _tolerance(bench: SpeechBench, pair: Pair, both: _Both) -> float:
    return bench.pairing.tolerance(pair.target) if both.exact else tolerances.PADDED_LOGITS


def _kept_error(outputs: Outputs, kept: Tensor) -> float:
    if outputs.expected.shape != outputs.actual.shape:
        return math.inf
    return relative_error(outputs.expected[kept], outputs.actual[kept])


def _part(pair: Pair, both: _Both, error: float, compared: int, tolerance: float) -> Measure:
    precision = "" if both.exact else ", in float32"
    return Measure(
        name=f"`{pair.target}` alone, on fairseq's values within the clips{precision}",
        where=pair.target,
        error=error,
        tolerance=tolerance,
        unit=RELATIVE,
        compared=compared,
    )


def _zeroed(received: Call) -> Call:
    """The call as fairseq's adaptor continues it: frames beyond a clip's end set to zero."""
    frames, mask = received.inputs["x"], received.inputs["padding_mask"]
    zeroed = frames.masked_fill(mask.transpose(0, 1).unsqueeze(-1), 0)
    return Call(arguments={**received.arguments, "x": zeroed}, outputs=received.outputs)


def _kept_frames(received: Pass, outputs: Outputs, pair: Pair) -> Tensor:
    """True for the frames that belong to a clip, shape (B, T)."""
    import torch

    masks = [
        *received.calls[pair.source][0].outputs.values(),
        *received.calls[pair.source][0].inputs.values(),
    ]
    for mask in masks:
        if mask.dtype == torch.bool and mask.shape == outputs.expected.shape[:2]:
            return ~mask
    return torch.ones(outputs.expected.shape[:2], dtype=torch.bool)


def _lengths_mask(lengths: list[int]) -> Tensor:
    import torch

    return torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
