"""Repeats a recorded call of a Hugging Face module with fairseq's values in place of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolkit.oracle.failing import DOES_NOT_RUN, has_gpu_failed
from toolkit.oracle.hooks import Call, call_again, flatten
from toolkit.oracle.nests import map_tensors
from toolkit.replay.alignment import align
from toolkit.replay.pairs import Layout, Pair
from toolkit.replay.source import Source

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


class CannotReplayError(Exception):
    """A module cannot take fairseq's input: its own call had other shapes. A result, not a bug."""


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """What a pair gave, both in the target's axes."""

    expected: Tensor
    actual: Tensor
    frames_left_out: int
    error: float | None = None
    """How far they are apart, where that was measured already."""


def replay(pair: Pair, target: nn.Module, source: Source, made: Call, received: Call) -> Outputs:
    """The target module's output on fairseq's input, beside fairseq's output.

    The call that the Hugging Face model itself made is repeated, masks and positions included; only
    the tensors with a recorded counterpart are replaced.

    Args:
        pair: The two modules.
        target: The whole Hugging Face model.
        source: The whole fairseq model.
        made: The target module's call.
        received: The source module's call.

    Raises:
        CannotReplayError: shapes do not go together, as after a wrong stride.
        RuntimeError: the GPU failed, which says nothing of the module.
    """
    import torch

    module = target.get_submodule(pair.target)
    try:
        with torch.no_grad():
            device = device_of(target)
            given = replay_arguments(pair.layout, made, received)
            arguments = map_tensors(given, lambda tensor: tensor.to(device))
            actual = first(flatten(call_again(module, arguments))).cpu()
        return paired_outputs(pair.layout, source, actual, first(received.outputs))
    except DOES_NOT_RUN as error:
        if has_gpu_failed(error):
            raise
        raise CannotReplayError(" ".join(str(error).split())[:200]) from error


def device_of(model: nn.Module) -> torch.device:
    """Where a model runs."""
    return next(model.parameters()).device


def paired_outputs(layout: Layout, source: Source, actual: Tensor, expected: Tensor) -> Outputs:
    """Two outputs in the target's axes, the expected one cut and scaled as the layout declares."""
    frames = _frames(layout, actual)
    aligned = align(expected, *layout.output_axes, frames=frames, sizes=layout.sizes)
    values = aligned.tensor
    if layout.scaled_by is not None:
        values = values * _number(source, layout.scaled_by)
    return Outputs(expected=values, actual=actual, frames_left_out=aligned.frames_left_out)


def first(tensors: dict[str, Tensor]) -> Tensor:
    """The first tensor of a flattened value: a module's main output or input."""
    return next(iter(tensors.values()))


def replay_arguments(layout: Layout, made: Call, received: Call) -> dict[str, Any]:
    """The target's own call with fairseq's tensors in place of those that have a counterpart."""
    arguments = dict(made.arguments)
    name = next(key for key, value in arguments.items() if _is_tensor(value))
    frames = _frames_of(layout.input_axes[1], arguments[name]) if layout.extra_frames else None
    given = first(received.inputs)
    arguments[name] = align(
        given, *layout.input_axes, frames=frames, sizes=layout.sizes
    ).tensor.clone()
    for target_name, (source_name, source_axes, target_axes) in layout.also.items():
        given = received.inputs[source_name]
        arguments[target_name] = align(
            given, source_axes, target_axes, sizes=layout.sizes
        ).tensor.clone()
    return arguments


def _is_tensor(value: object) -> bool:
    import torch

    return isinstance(value, torch.Tensor)


def _frames(layout: Layout, actual: Tensor) -> int | None:
    return _frames_of(layout.output_axes[1], actual) if layout.extra_frames else None


def _frames_of(axes: str, tensor: Tensor) -> int:
    return tensor.shape[axes.split().index("T")]


def _number(model: Source, path: str) -> float:
    module, _, name = path.rpartition(".")
    return float(getattr(model.get_submodule(module), name))
