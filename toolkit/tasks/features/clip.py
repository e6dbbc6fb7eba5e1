"""Runs both models on one clip and measures everything that a verdict needs of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from toolkit.audio import Clip
from toolkit.compare.metrics import relative_error
from toolkit.compare.pictures import Sketchbook
from toolkit.oracle.asking import AnyReference
from toolkit.oracle.search import Search
from toolkit.oracle.tasks.features import further_prefixes
from toolkit.tasks.features.target import FeatureTarget
from toolkit.tasks.speech.hearing import Heard, listen
from toolkit.tasks.speech.layers import LayeredRun, layer_errors
from toolkit.tasks.speech.run import Fused, Replayed, compare_passes
from toolkit.trial.bench import Bench
from toolkit.trial.effort import FULL, Effort
from toolkit.trial.measuring import Record

if TYPE_CHECKING:
    from torch import Tensor

FeatureBench = Bench[FeatureTarget]

HEADS = ("projected", "quantized", "hard_perplexity")
"""Outputs beside the features that are real numbers."""
CODES, LOSS, SOFT = "codes", "contrastive_loss", "soft_perplexity"


@dataclass(frozen=True, kw_only=True)
class Choices:
    """The code vectors that both sides choose for every frame."""

    other: int = 0
    """Those that are other ones, of all frames and groups."""
    compared: int = 0
    soft_perplexity: float = 0.0
    """How far fairseq's own measure of their diversity is from the one that is compared."""


@dataclass(frozen=True, kw_only=True)
class FeatureRun(LayeredRun):
    """What both models made of one clip, with the heads of pretraining."""

    heads: Mapping[str, float]
    """How far each output of `HEADS` that there is is apart in float64, infinitely if only one side
    has it, and the loss where frames can be masked; empty where modules were not compared."""
    choices: Choices


def record_clip(
    reference: AnyReference,
    name: str,
    waveform: Tensor,
    search: Search,  # noqa: ARG001
    tag: int | None,  # noqa: ARG001
) -> Record:
    """Records fairseq on one clip.

    Args:
        reference: fairseq's model.
        name: The clip's name.
        waveform: Shape (L,), 16 kHz mono.
        search: Of no use: nothing is searched.
        tag: Of no use: there are no language tags.
    """
    source = reference.front_end(waveform)
    exact = reference.forward([source], [()], explicit=True, double=True)
    return Record(clip=name, waveform=waveform, source=source, prefix=(), calls=exact.calls)


def run_clip(
    bench: FeatureBench,
    clip: Clip,
    *,
    tag: int | None,
    effort: Effort = FULL,
    prefix: tuple[int, ...] | None = None,  # noqa: ARG001
    book: Sketchbook | None = None,
) -> FeatureRun:
    """Runs both models on one clip, on identical arrays but for the front ends themselves.

    Args:
        bench: The models.
        clip: The audio.
        tag: None: there are no language tags.
        effort: What is compared; nothing is searched whatever it says.
        prefix: Of no use: there is no decoder.
        book: Where to draw what is compared.
    """
    heard = listen(bench, clip, tag=tag, prefix=())
    fused = Fused(bench, heard)
    effort = replace(effort, searched=False, beamed=False, piped=False)
    run, replayed = compare_passes(bench, heard, fused, effort=effort, book=book)
    if replayed is None:
        return FeatureRun(**vars(run), heads={}, choices=Choices())
    return FeatureRun(
        **vars(run),
        layers=layer_errors(replayed),
        heads={**dict(_heads(replayed)), **dict(_loss(bench, heard, replayed))},
        choices=_choices(replayed),
    )


def _heads(replayed: Replayed) -> Iterator[tuple[str, float]]:
    """Every head that either side has."""
    expected, actual = replayed.exact.outputs, replayed.exact_actual.outputs
    for name in HEADS:
        if name in expected and name in actual:
            yield name, relative_error(expected[name], actual[name])
        elif name in expected or name in actual:
            yield name, math.inf


def _choices(replayed: Replayed) -> Choices:
    """The codes of both sides; none where one chooses none."""
    expected, actual = replayed.exact.outputs, replayed.exact_actual.outputs
    if CODES not in expected or CODES not in actual:
        return Choices()
    hard, soft = expected["hard_perplexity"], expected[SOFT]
    return Choices(
        other=int((expected[CODES] != actual[CODES]).sum()),
        compared=expected[CODES].numel(),
        soft_perplexity=float((hard - soft).abs() / hard),
    )


def _loss(bench: FeatureBench, heard: Heard, replayed: Replayed) -> Iterator[tuple[str, float]]:
    """The loss of both sides with the same frames masked, and the same others."""
    for masked in further_prefixes(replayed.exact) if bench.target.masks else ():
        expected, actual = (
            side.forward([heard.source], [masked], explicit=True, double=True, only=())
            for side in (bench.reference, bench.target)
        )
        yield LOSS, relative_error(expected.outputs[LOSS], actual.outputs[LOSS])
