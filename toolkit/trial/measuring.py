"""How far each module pair errs by itself: fed with fairseq's own input, in whatever folder."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from toolkit.compare.metrics import relative_error
from toolkit.compare.pictures import Sketchbook
from toolkit.oracle.failing import DOES_NOT_RUN, has_gpu_failed
from toolkit.oracle.hooks import Call, Calls, recording, rest
from toolkit.oracle.pages import ENOUGH_WITHIN_BYTES, let_go
from toolkit.oracle.precision import as_it_is, doubled
from toolkit.replay.pairs import Pair
from toolkit.replay.replay import CannotReplayError, Outputs, first
from toolkit.replay.source import Source
from toolkit.replay.target import Target
from toolkit.trial.flow import find_flow
from toolkit.trial.isolating import isolate
from toolkit.trial.pairing import Pairing

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Record:
    """What fairseq did with one clip in float64, to be compared with any number of folders."""

    clip: str
    waveform: Tensor
    """Shape (L,), 16 kHz mono."""
    source: Tensor
    """What the network hears of it, shape (L,) or (T, F)."""
    prefix: tuple[int, ...]
    calls: Calls
    """fairseq's calls, by module path."""


@dataclass(frozen=True, kw_only=True)
class PairErrors:
    """One module pair on one clip."""

    pair: Pair
    clip: str
    isolated: float
    """Float64, on fairseq's input; infinity if the module cannot take it, NaN if one of the two was
    not called exactly once."""
    tolerance: float
    """What the isolated error may be."""
    propagated: float | None = None
    """End to end in float32, in units of the reference's own error; None where not measured."""
    reached: bool = True
    """Whether both modules were called exactly once."""
    shape: tuple[int, ...] = ()
    """Of the output, in the target's axes."""
    frames_left_out: int = 0
    """Frames beyond the clip's end that fairseq adds."""
    order: int | None = None
    """When the target module had answered, counted from 0; None where it was never called."""
    reason: str | None = None
    """What the module said when it could not take the input."""


class Replayable(Protocol):
    """A model whose modules are called again."""

    @property
    def model(self) -> nn.Module:
        """The whole model."""
        ...

    def exact(self) -> AbstractContextManager[None]:
        """The model in float64 while the context lasts."""
        ...


@dataclass(frozen=True, kw_only=True)
class Sides:
    """What both models did with one clip, in float64 with explicit attention."""

    target: Replayable
    source: Source
    """What is known of fairseq's modules."""
    pairing: Pairing
    clip: str
    made: Calls
    """The converted model's own calls."""
    received: Calls
    """fairseq's."""
    book: Sketchbook | None = None
    """Where to draw what is compared."""
    in_place: bool = False
    """Whether what a module gave in its own place is enough; see `isolate`."""
    propagate: Callable[[Pair, Tensor], float] | None = None
    """Says of a pair and fairseq's output how far the modules are apart end to end."""


def find_errors(
    target: Target,
    source: Source,
    pairing: Pairing,
    record: Record,
    book: Sketchbook | None = None,
) -> tuple[PairErrors, ...]:
    """The isolated error of every pair that the folder's model reaches; draws them in `book`."""
    sides = Sides(
        target=target,
        source=source,
        pairing=pairing,
        clip=record.clip,
        made=own_calls(target, record),
        received=record.calls,
        book=book,
    )
    errors = tuple(one for one in measure_pairs(sides) if one.reached)
    if book is not None:
        sounds = record.source.is_floating_point()
        book.draw_clip(record.clip, record.waveform, record.prefix, sounds=sounds)
    return errors


def own_calls(target: Target, record: Record) -> Calls:
    """The model's own calls in float64, as far as it comes."""
    import torch

    try:
        target.make_ready([record.prefix])
    except DOES_NOT_RUN:
        return {}
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(target.exact())
        calls = stack.enter_context(recording(target.model))
        try:
            target.call([doubled(record.source)], [record.prefix])
        except DOES_NOT_RUN as error:
            if has_gpu_failed(error):
                raise
            return calls
    return calls


def measure_pairs(sides: Sides) -> tuple[PairErrors, ...]:
    """The errors of every pair; each is reduced to numbers before the next is looked at."""
    targets = {pair.target for pair in sides.pairing.pairs}
    answered = {path: place for place, path in enumerate(p for p in sides.made if p in targets)}
    if sides.book is not None and not sides.book.flow:
        sides.book.flow = find_flow(sides.made, targets)
        sides.book.order = answered
    with sides.target.exact():
        return tuple(
            replace(_measure_alone(sides, pair), order=answered.get(pair.target))
            for pair in sides.pairing.pairs
        )


def only_call(calls: Calls, path: str) -> Call | None:
    """The one call of a module; None if there are none or several."""
    made = calls.get(path, [])
    return made[0] if len(made) == 1 else None


def _measure_alone(sides: Sides, pair: Pair) -> PairErrors:
    """The errors of a pair, whose tensors take no memory afterwards."""
    errors = _measure(sides, pair)
    for calls in (sides.made, sides.received):
        rest(calls)
    let_go(ENOUGH_WITHIN_BYTES)
    return errors


def _measure(sides: Sides, pair: Pair) -> PairErrors:
    made, received = only_call(sides.made, pair.target), only_call(sides.received, pair.source)
    tolerance = sides.pairing.tolerance(pair.target)
    nothing = PairErrors(pair=pair, clip=sides.clip, isolated=math.nan, tolerance=tolerance)
    if made is None or received is None:
        return replace(nothing, reached=False, propagated=_end_to_end(sides, math.nan))
    try:
        outputs = isolate(
            pair,
            sides.target.model,
            sides.source,
            made,
            received,
            tolerance,
            in_place=sides.in_place,
        )
    except CannotReplayError as cannot:
        reason, far = str(cannot), math.inf
        return replace(nothing, isolated=far, propagated=_end_to_end(sides, far), reason=reason)
    with as_it_is():
        if sides.book is not None:
            sides.book.draw_pair(pair, sides.clip, outputs, first(made.outputs), tolerance)
        return replace(
            nothing,
            isolated=_error(outputs),
            propagated=sides.propagate and sides.propagate(pair, outputs.expected),
            shape=tuple(outputs.actual.shape),
            frames_left_out=outputs.frames_left_out,
        )


def _error(outputs: Outputs) -> float:
    known = outputs.error
    return relative_error(outputs.expected, outputs.actual) if known is None else known


def _end_to_end(sides: Sides, error: float) -> float | None:
    """The error end to end of a pair that cannot be compared, where it is measured at all."""
    return None if sides.propagate is None else error
