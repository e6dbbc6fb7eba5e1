"""The padding level: one batch of clips of unequal length on both sides.

Only frames that belong to a clip are compared: of the others each side makes what it likes. Where a
stock class is known to count a clip's frames otherwise, that difference is declared, measured, and
accepted only if the model agrees once it is told fairseq's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from toolkit.compare import tolerances
from toolkit.compare.metrics import relative_error
from toolkit.compare.probes import PaddingProbes
from toolkit.core.measures import RELATIVE, Level, Measure
from toolkit.core.result import Deviation
from toolkit.oracle.asking import Pass, of_one_language
from toolkit.oracle.hooks import flatten
from toolkit.tasks.speech.batch import Batch, choose_batch
from toolkit.tasks.speech.levels import padded_tolerance
from toolkit.tasks.speech.unmasked import MASK, unmasked
from toolkit.trial.rows import nan_first

UNSEEN = (
    "(which no clip of this batch shows, as both count the same of each: `--audio` names others)"
)
"""What is said of frames that are known to be counted otherwise and here are not."""

if TYPE_CHECKING:
    from torch import Tensor, nn

    from toolkit.tasks.speech.hearing import HeardBench
    from toolkit.tasks.speech.run import HeardRun


def frames_level(
    bench: HeardBench, runs: Sequence[HeardRun], probes: PaddingProbes, result: str
) -> Level:
    """Runs one padded batch on both sides and says how far the clips' own frames are apart.

    Args:
        bench: The models.
        runs: All clips.
        probes: Where the batch can be taken apart.
        result: What every frame gets, in words: logits.
    """
    together = of_one_language(bench.reference, [run.prefix for run in runs])
    batch = choose_batch([runs[index] for index in together])
    expected = bench.reference.forward(batch.sources, batch.prefixes, only=())
    told = () if probes.masked is None else (probes.masked,)
    actual = bench.target.forward(batch.sources, batch.prefixes, only=told)
    kept = (~expected.outputs["padding_mask"]).sum(dim=1).tolist()
    counted = _count_frames(bench, batch, actual, probes)
    other = [
        f"{name}: {theirs} frames, not {ours}"
        for name, ours, theirs in zip(batch.names, kept, counted, strict=True)
        if ours != theirs
    ]
    error, where = _worst_row(batch, expected, actual.result)
    tolerance = padded_tolerance(runs)
    exact = error <= tolerance and not other
    parts = () if exact else tuple(_parts(bench, batch, expected, probes, result, tolerance))
    declared = bool(parts) and all(part.verdict == "pass" for part in parts)
    right = exact or declared
    hidden = f"; fairseq counts more frames of some clips {UNSEEN}"
    return Level(
        name="padding",
        measures=(
            _measure(f"{result} of a padded batch", (error, where), sum(kept), tolerance, declared),
            Measure(
                name="clips with another number of frames",
                where="; ".join(other[:3]),
                error=float(len(other)),
                tolerance=tolerances.EXACT,
                unit="clips",
                compared=len(batch.names),
                declared=declared,
            ),
            *parts,
        ),
        asides=(_heard_unmasked(bench, batch, expected, result),) if right else (),
        summary=(
            f"one batch of {', '.join(batch.names)}: {result} of its {sum(kept)} frames differ by "
            f"{error:.1e} of the largest; frames beyond a clip's end are not compared"
            f"{hidden if exact and probes.counts_otherwise else ''}"
        ),
    )


def padding_deviation(level: Level, probes: PaddingProbes) -> Deviation | None:
    """The declared difference of padded batches, seen or not; None where there is none."""
    whole, frames, *parts = level.measures
    seen = "deviation" in (whole.verdict, frames.verdict)
    if not seen and not (probes.counts_otherwise and level.verdict == "pass"):
        return None
    remedy = ", and `--exact-padding` writes a folder that counts as fairseq does"
    return Deviation(
        name="frame_mask",
        summary=(
            "in padded batches fairseq counts up to two frames more to a clip than its samples "
            f"make {_shown(frames, parts) if seen else UNSEEN}. Clips heard one "
            "by one are not affected: who runs batches of unequal lengths would notice"
            f"{remedy if probes.is_remedied else ''}"
        ),
        where=whole.where if seen else "",
        max_error=whole.error,
    )


def _shown(frames: Measure, parts: Sequence[Measure]) -> str:
    worst = max(part.error for part in parts)
    return f"({frames.where}); told fairseq's count, the model is exact ({worst:.1e})"


def _parts(
    bench: HeardBench,
    batch: Batch,
    expected: Pass,
    probes: PaddingProbes,
    result: str,
    tolerance: float,
) -> Iterator[Measure]:
    """How far the results are apart when the model is told which frames fairseq keeps."""
    if probes.masked is None or not probes.counts_otherwise:
        return
    frames = ~expected.outputs["padding_mask"]
    with _told_frames(bench.target.model, probes.masked, frames):
        actual = bench.target.forward(batch.sources, batch.prefixes, only=()).result
    name = f"{result} of a padded batch, given fairseq's frames"
    yield _measure(name, _worst_row(batch, expected, actual), int(frames.sum()), tolerance)


def _heard_unmasked(bench: HeardBench, batch: Batch, expected: Pass, result: str) -> Measure:
    """How far the results are apart when nobody tells the model what pads a clip.

    The longest rows are not padded, and nothing is told of them that they were not told before.
    """
    longest = max(source.numel() for source in batch.sources)
    rows = [row for row, source in enumerate(batch.sources) if source.numel() < longest]
    padded = [_padded(batch.sources[row], longest) for row in rows]
    with unmasked(bench.target.model):
        actual = bench.target.forward(padded, [batch.prefixes[row] for row in rows], only=()).result
    kept = int((~expected.outputs["padding_mask"])[rows].sum())
    worst = _worst_row(batch, expected, actual, rows)
    return _measure(f"{result} without {MASK}", worst, kept, tolerances.PADDED_LOGITS)


def _padded(source: Tensor, samples: int) -> Tensor:
    import torch

    return torch.nn.functional.pad(source, (0, samples - source.numel()))


@contextmanager
def _told_frames(model: nn.Module, path: str, frames: Tensor) -> Iterator[None]:
    """While the context lasts, a module is told that these frames belong to clips.

    Args:
        model: The model.
        path: The module's path in it.
        frames: True for frames of a clip, shape (B, T); given where the module has as many.
    """

    def tell(
        _: nn.Module, args: tuple[object, ...], named: dict[str, object]
    ) -> tuple[tuple[object, ...], dict[str, object]] | None:
        known = flatten(named).get(MASK)
        if known is None or known.shape != frames.shape:
            return None
        return args, {**named, MASK: frames.to(known.device)}

    hook = model.get_submodule(path).register_forward_pre_hook(tell, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()


def _count_frames(
    bench: HeardBench, batch: Batch, actual: Pass, probes: PaddingProbes
) -> list[int]:
    """How many frames of each clip the model was told of; by its own formula where of none."""
    for call in actual.calls.get(probes.masked or "", ()):
        if MASK in call.inputs:
            return [int(frames) for frames in call.inputs[MASK].sum(dim=1)]
    return bench.target.frames([source.numel() for source in batch.sources])


def _worst_row(
    batch: Batch, expected: Pass, actual: Tensor, rows: Sequence[int] | None = None
) -> tuple[float, str]:
    """The row whose own frames are furthest apart; `rows` are those that were heard, if not all."""
    kept = (~expected.outputs["padding_mask"]).sum(dim=1).tolist()
    heard = range(len(batch.names)) if rows is None else rows
    errors = [
        (relative_error(expected.result[row, : kept[row]], made[: kept[row]]), batch.names[row])
        for row, made in zip(heard, actual, strict=True)
    ]
    return max(errors, key=lambda item: nan_first(item[0]))


def _measure(
    name: str, worst: tuple[float, str], compared: int, tolerance: float, declared: bool = False
) -> Measure:
    error, where = worst
    return Measure(
        name=name,
        where=where,
        error=error,
        tolerance=tolerance,
        unit=RELATIVE,
        compared=compared,
        declared=declared,
    )
