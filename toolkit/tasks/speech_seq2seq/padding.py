"""The padding level: one batch of clips of unequal length on both sides.

A stock adapter takes no mask, fairseq's adaptor zeroes the frames beyond a clip's end. That
difference is declared, measured, and accepted only if everything before and after the adapter
agrees and the adapter itself agrees once those frames are zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
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
from toolkit.tasks.speech_seq2seq.clip import ClipRun
from toolkit.trial.isolating import isolate

if TYPE_CHECKING:
    from torch import Tensor

REFERENCES = {
    "masked": "fairseq since August 2022, which zeroes frames beyond a clip's end",
    "unmasked": "fairseq before August 2022, whose adaptor reads frames beyond a clip's end",
    "alone": "fairseq on each clip alone, as it cannot run this adaptor on padded batches",
}
"""What a padded batch is compared with."""


def padding_level(bench: SpeechBench, runs: Sequence[ClipRun], probes: PaddingProbes) -> Level:
    """Runs one padded batch on both sides and says how far its logits are apart, and why."""
    batch = choose_batch(runs)
    alone = probes.reference == "alone"
    expected = _alone(bench, batch) if alone else _together(bench, batch)
    actual = bench.target.forward(batch.sources, batch.prefixes, only=())
    error, where = _worst_row(batch, expected, actual.logits)
    # Taken apart only where something needs an explanation: a part takes a pass of its own.
    exact = error <= tolerances.PADDED_LOGITS
    parts = () if alone or exact else tuple(_parts(bench, batch, probes))
    explained = all(part.verdict == "pass" for part in parts)
    whole = Measure(
        name="logits of a padded batch",
        where=where,
        error=error,
        tolerance=tolerances.PADDED_LOGITS,
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


def _together(bench: SpeechBench, batch: Batch) -> Sequence[Tensor]:
    """Fairseq's logits of every row of the batch."""
    return tuple(bench.reference.forward(batch.sources, batch.prefixes, only=()).logits)


def _alone(bench: SpeechBench, batch: Batch) -> Sequence[Tensor]:
    """Fairseq's logits of every clip by itself."""
    return tuple(
        bench.reference.forward([source], [prefix], only=()).logits[0]
        for source, prefix in zip(batch.sources, batch.prefixes, strict=True)
    )


def _worst_row(batch: Batch, expected: Sequence[Tensor], actual: Tensor) -> tuple[float, str]:
    errors = []
    for row, (name, prefix) in enumerate(zip(batch.names, batch.prefixes, strict=True)):
        tokens = len(prefix)
        error = relative_error(expected[row][:tokens], actual[row, :tokens])
        errors.append((error, name))
    return max(errors, key=lambda item: (item[0] != item[0], item[0]))


def _parts(bench: SpeechBench, batch: Batch, probes: PaddingProbes) -> list[Measure]:
    reference, target = bench.reference, bench.target
    sources, prefixes = batch.sources, batch.prefixes
    looked_at = (probes.before, probes.unmasked, probes.after)
    by_target = {pair.target: pair for pair in bench.pairing.pairs if pair.target in looked_at}
    exact = reference.forward(
        sources,
        prefixes,
        explicit=True,
        double=True,
        only={pair.source for pair in by_target.values()},
    )
    actual = target.forward(sources, prefixes, explicit=True, double=True, only=by_target)
    tokens = _lengths_mask([len(prefix) for prefix in prefixes])
    parts = []
    with target.exact():
        for path in looked_at:
            if path is None or path not in by_target:
                continue
            pair = by_target[path]
            made, received = actual.calls[path][0], exact.calls[pair.source][0]
            if path == probes.unmasked:
                received = _zeroed(received)
            error, compared = math.inf, 1
            with suppress(CannotReplayError):
                tolerance = bench.pairing.tolerance(path)
                outputs = isolate(pair, target.model, bench.source, made, received, tolerance)
                kept = tokens if path == probes.after else _kept_frames(exact, outputs, pair)
                error, compared = _kept_error(outputs, kept), int(kept.sum())
            parts.append(_part(path, error, compared, bench.pairing.tolerance(path)))
    return parts


def _kept_error(outputs: Outputs, kept: Tensor) -> float:
    if outputs.expected.shape != outputs.actual.shape:
        return math.inf
    return relative_error(outputs.expected[kept], outputs.actual[kept])


def _part(path: str, error: float, compared: int, tolerance: float) -> Measure:
    return Measure(
        name=f"`{path}` alone, on fairseq's values within the clips",
        where=path,
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


def _kept_frames(exact: Pass, outputs: Outputs, pair: Pair) -> Tensor:
    """True for the frames that belong to a clip, shape (B, T)."""
    import torch

    masks = [
        *exact.calls[pair.source][0].outputs.values(),
        *exact.calls[pair.source][0].inputs.values(),
    ]
    for mask in masks:
        if mask.dtype == torch.bool and mask.shape == outputs.expected.shape[:2]:
            return ~mask
    return torch.ones(outputs.expected.shape[:2], dtype=torch.bool)


def _lengths_mask(lengths: list[int]) -> Tensor:
    import torch

    return torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
