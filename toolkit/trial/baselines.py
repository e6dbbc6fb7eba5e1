"""What simpler comparisons would have said: the yardsticks that `toolkit faults` prints.

All of them compare the two models end to end in float32, as people do; none replays a module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.oracle.asking import AnyReference, Pass
from toolkit.oracle.failing import DOES_NOT_RUN
from toolkit.oracle.hooks import Calls, recording
from toolkit.replay.pairs import Pair
from toolkit.replay.replay import first, paired_outputs
from toolkit.replay.source import Source
from toolkit.replay.target import Target
from toolkit.trial.measuring import Record

if TYPE_CHECKING:
    from torch import Tensor

COSINE = 0.99
MEAN = 1e-5
"""Difference of means, relative to the expected tensor's largest value."""
FIRST_DIFFERENCE = 1e-3
MSPROBE_COSINE, MSPROBE_ERROR = 0.99, 0.001
MSPROBE_WORST_COSINE, MSPROBE_WORST_ERROR = 0.9, 1.0
"""msprobe's published accuracy check: a tensor fails below 0.99 with an error above 0.001, or below
0.9, or with an error above 1."""


@dataclass(frozen=True, kw_only=True)
class BaselineVerdict:
    """What one yardstick says of one folder."""

    name: str
    detects: bool
    module: str | None
    """The module it points at; None if it points at none."""


@dataclass(frozen=True, kw_only=True)
class _Layer:
    target: str
    expected: Tensor
    actual: Tensor


def record_float32(reference: AnyReference, record: Record) -> Pass:
    """The float32 pass of fairseq over the same input."""
    return reference.forward([record.source], [record.prefix], explicit=True)


def judge_baselines(
    target: Target, source: Source, pairs: Sequence[Pair], record: Record, expected: Pass
) -> tuple[BaselineVerdict, ...]:
    """What every yardstick says; a model that cannot even run counts as detected by all."""
    calls, result = _run(target, record)
    if result is None:
        return detected_by_all()
    layers = list(_layers(source, pairs, calls, expected))
    named = {name: _first(layers, test) for name, test in _LAYER_TESTS.items()}
    return (
        BaselineVerdict(name=NAMES[0], detects=not _close(result, expected.result), module=None),
        *(
            BaselineVerdict(name=name, detects=module is not None, module=module)
            for name, module in named.items()
        ),
    )


def detected_by_all() -> tuple[BaselineVerdict, ...]:
    """What the yardsticks say of a folder that does not even load or run."""
    return tuple(BaselineVerdict(name=name, detects=True, module=None) for name in NAMES)


def _run(target: Target, record: Record) -> tuple[Calls, Tensor | None]:
    import torch

    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        calls = stack.enter_context(recording(target.model))
        try:
            output = target.call([record.source], [record.prefix])
        except DOES_NOT_RUN:
            return calls, None
    return calls, next(iter(target.outputs(output).values()))


def _layers(
    source: Source, pairs: Sequence[Pair], calls: Calls, expected: Pass
) -> Iterator[_Layer]:
    """The pairs in the order in which the converted model finishes them."""
    by_target = {pair.target: pair for pair in pairs}
    for path in calls:
        pair = by_target.get(path)
        if pair is None or pair.source not in expected.calls:
            continue
        actual = first(calls[path][0].outputs)
        received = first(expected.calls[pair.source][0].outputs)
        try:
            outputs = paired_outputs(pair.layout, source, actual, received)
        except (RuntimeError, ValueError):
            continue
        yield _Layer(target=path, expected=outputs.expected, actual=outputs.actual)


def _first(layers: Sequence[_Layer], fails: Callable[[_Layer], bool]) -> str | None:
    return next(
        (
            layer.target
            for layer in layers
            if layer.expected.shape != layer.actual.shape or fails(layer)
        ),
        None,
    )


def _close(actual: Tensor, expected: Tensor) -> bool:
    import torch

    try:
        torch.testing.assert_close(actual, expected)
    except AssertionError:
        return False
    return True


def _cosine(layer: _Layer) -> float:
    import torch

    left, right = layer.expected.flatten().double(), layer.actual.flatten().double()
    return float(torch.nn.functional.cosine_similarity(left, right, dim=0))


def _error(layer: _Layer) -> float:
    return float((layer.expected - layer.actual).abs().max())


def _mean_differs(layer: _Layer) -> bool:
    difference = abs(float(layer.expected.double().mean() - layer.actual.double().mean()))
    return difference > MEAN * float(layer.expected.abs().max())


def _msprobe(layer: _Layer) -> bool:
    cosine, error = _cosine(layer), _error(layer)
    worst = cosine < MSPROBE_WORST_COSINE or error > MSPROBE_WORST_ERROR
    return worst or (cosine < MSPROBE_COSINE and error > MSPROBE_ERROR)


_LAYER_TESTS: dict[str, Callable[[_Layer], bool]] = {
    "cosine > 0.99 per layer": lambda layer: not _cosine(layer) > COSINE,
    "comparison of means": _mean_differs,
    "msprobe's thresholds": _msprobe,
    "first difference over 1e-3": lambda layer: not _error(layer) <= FIRST_DIFFERENCE,
}

NAMES = ("assert_close on the result", *_LAYER_TESTS)
