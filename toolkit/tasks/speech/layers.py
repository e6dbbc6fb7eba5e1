"""The features of every layer of an encoder of speech, as both sides number them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.compare import tolerances
from toolkit.compare.metrics import relative_error
from toolkit.core.counting import counted
from toolkit.core.measures import RELATIVE, Level, Measure
from toolkit.tasks.speech.run import HeardRun, Replayed
from toolkit.trial.rows import nan_first

if TYPE_CHECKING:
    from torch import Tensor
    from transformers.utils import ModelOutput

LAYERS = "layers."
"""What the names of outputs begin with that intermediate layers give."""


@dataclass(frozen=True, kw_only=True)
class LayerErrors:
    """How far one layer's features are apart, each relative to the largest value."""

    name: str
    float64: float
    float32: float
    noise: float
    """The reference's own float32 error."""


@dataclass(frozen=True, kw_only=True)
class LayeredRun(HeardRun):
    """What both models made of one clip, every layer's features among it."""

    layers: tuple[LayerErrors, ...] = ()


def layers_of(output: ModelOutput) -> dict[str, Tensor]:
    """What every layer of a converted model gives, `layers.k` of shape (B, T, D), k from 1."""
    layers = enumerate(output.hidden_states[1:], start=1)
    return {f"{LAYERS}{number}": layer.cpu() for number, layer in layers}


def layer_errors(replayed: Replayed | None) -> tuple[LayerErrors, ...]:
    """How far every layer is apart on a clip; none where its modules were not compared."""
    if replayed is None:
        return ()
    sides = (replayed.exact, replayed.exact_actual, replayed.expected, replayed.actual)
    return tuple(_errors(*(side.outputs for side in sides)))


def layers_level(runs: Sequence[LayeredRun], exact_tolerance: float) -> Level:
    """Whether every layer's features are those that fairseq gives for `output_layer=k`.

    They are what a layer gives, `hidden_states[k]` in transformers: the norm behind the last layer
    of a pre-norm stack is not in them, on either side.

    Args:
        runs: All clips.
        exact_tolerance: What they may differ by in float64.
    """
    noise = max((layer.noise for run in runs for layer in run.layers), default=0.0)
    rounded = tolerances.of_noise(noise)
    measures = (
        worst_layer("float64 features", runs, lambda layer: layer.float64, exact_tolerance),
        worst_layer("float32 features", runs, lambda layer: layer.float32, rounded),
    )
    replayed = [run for run in runs if run.effort.replayed]
    number = len(replayed[0].layers) if replayed else 0
    return Level(
        name="layers",
        measures=measures,
        summary=(
            f"features of {counted(number, 'layers')} on {counted(len(replayed), 'clips')} within "
            f"{measures[0].error:.1e} of the largest in float64 and {measures[1].error:.1e} in "
            "float32, as `hidden_states[k]` holds them: before the norm that follows the last "
            "layer of a pre-norm stack"
        ),
    )


def worst_layer(
    name: str, runs: Sequence[LayeredRun], error: Callable[[LayerErrors], float], tolerance: float
) -> Measure:
    """The measure of the layer and the clip that are worst of all."""
    errors = [
        (error(layer), f"{layer.name} of {run.clip.name}") for run in runs for layer in run.layers
    ]
    worst, where = max(errors, key=lambda item: nan_first(item[0]), default=(math.nan, ""))
    return Measure(
        name=name,
        where=where,
        error=worst,
        tolerance=tolerance,
        unit=RELATIVE,
        compared=len(errors),
    )


def _errors(
    exact: Mapping[str, Tensor],
    exact_actual: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    actual: Mapping[str, Tensor],
) -> Iterator[LayerErrors]:
    """Every layer that either side has; one that only one side has is infinitely far."""
    names = dict.fromkeys(name for name in (*exact, *exact_actual) if name.startswith(LAYERS))
    for name in names:
        if name not in exact or name not in exact_actual:
            yield LayerErrors(name=name, float64=math.inf, float32=math.inf, noise=0.0)
            continue
        yield LayerErrors(
            name=name,
            float64=relative_error(exact[name], exact_actual[name]),
            float32=relative_error(expected[name], actual[name]),
            noise=relative_error(exact[name], expected[name].double()),
        )
