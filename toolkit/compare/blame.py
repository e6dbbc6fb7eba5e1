"""Which modules err by themselves: each fed with fairseq's own input, in whatever folder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.compare import tolerances
from toolkit.compare.isolating import isolate
from toolkit.compare.metrics import relative_error
from toolkit.compare.pictures import Sketchbook
from toolkit.oracle.asking import AnyReference
from toolkit.oracle.hooks import Calls, recording
from toolkit.oracle.precision import as_it_is
from toolkit.oracle.search import Search, with_beam
from toolkit.replay.pairs import Pair
from toolkit.replay.replay import DOES_NOT_RUN, CannotReplayError, first, has_gpu_failed
from toolkit.replay.source import Source
from toolkit.replay.target import Target

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Record:
    """What fairseq did with one clip in float64, to be compared with any number of folders."""

    clip: str
    source: Tensor
    prefix: tuple[int, ...]
    calls: Calls
    """fairseq's calls, by module path."""


@dataclass(frozen=True, kw_only=True)
class Blame:
    """One module pair on one clip."""

    pair: Pair
    clip: str
    error: float
    """Isolated error; infinity where the module cannot even take fairseq's input."""
    shape: tuple[int, ...] = ()
    """Of the output, in the target's axes."""
    frames_left_out: int = 0
    """Frames beyond the clip's end that fairseq adds."""
    reason: str | None = None
    """What the module said when it could not."""


def record_clip(
    reference: AnyReference, name: str, waveform: Tensor, search: Search, tag: int | None
) -> Record:
    """Records fairseq on one clip, teacher-forced on its own greedy hypothesis.

    Args:
        reference: fairseq's model.
        name: The clip's name.
        waveform: Shape (L,), 16 kHz mono.
        search: The checkpoint's search settings.
        tag: Language tag to begin with, None where the task prepends none.
    """
    source = reference.front_end(waveform)
    tokens = reference.search(source, with_beam(search, 1), tag)[0].tokens
    prefix = (reference.start_token, *tokens[:-1])
    forced = reference.forward([source], [prefix], explicit=True, double=True)
    return Record(clip=name, source=source, prefix=prefix, calls=forced.calls)


def find_blame(
    target: Target,
    source: Source,
    pairs: Sequence[Pair],
    record: Record,
    book: Sketchbook | None = None,
) -> tuple[Blame, ...]:
    """The isolated error of every pair that the folder's model reaches; draws them in `book`."""
    calls = own_calls(target, record)
    with target.exact():
        blames = tuple(
            _blame(target, source, pair, calls, record, book)
            for pair in pairs
            if len(calls.get(pair.target, [])) == 1 and len(record.calls.get(pair.source, [])) == 1
        )
    if book is not None:
        book.draw_clip(record.clip, record.source, record.prefix)
    return blames


def own_calls(target: Target, record: Record) -> Calls:
    """The model's own calls in float64, as far as it comes."""
    import torch

    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(target.exact())
        calls = stack.enter_context(recording(target.model))
        try:
            target.call([record.source.double()], [record.prefix])
        except DOES_NOT_RUN as error:
            if has_gpu_failed(error):
                raise
            return calls
    return calls


def _blame(
    target: Target,
    source: Source,
    pair: Pair,
    calls: Calls,
    record: Record,
    book: Sketchbook | None,
) -> Blame:
    made, received = calls[pair.target][0], record.calls[pair.source][0]
    try:
        outputs = isolate(pair, target.model, source, made, received, tolerances.ISOLATED)
    except CannotReplayError as cannot:
        return Blame(pair=pair, clip=record.clip, error=math.inf, reason=str(cannot))
    with as_it_is():
        if book is not None:
            book.draw_pair(pair, record.clip, outputs, first(made.outputs))
        error = relative_error(outputs.expected, outputs.actual)
    shape = tuple(outputs.actual.shape)
    left_out = outputs.frames_left_out
    return Blame(pair=pair, clip=record.clip, error=error, shape=shape, frames_left_out=left_out)
