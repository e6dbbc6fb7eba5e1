"""Two models of which every module gives what its counterpart gives, as what they give says alone.

What modules are given is not looked at, so that it need not be kept; nor is what the target's give,
which is compared as soon as it is there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from toolkit.compare.metrics import relative_error
from toolkit.modules.layouts import read_axes
from toolkit.modules.meeting import Meeting, round_name
from toolkit.oracle.failing import DOES_NOT_RUN
from toolkit.oracle.hooks import Calls, Tensors, rest, shape_alone
from toolkit.replay.pairs import Layout, Pair
from toolkit.replay.replay import first, paired_outputs
from toolkit.trial.measuring import PairErrors

if TYPE_CHECKING:
    from torch import Tensor, nn

NOT_READ = "X"
"""How that lies which a module is given."""


class Agreement:
    """The errors of the pairs that agree, each measured when the target's module answers."""

    def __init__(
        self,
        matched: Mapping[str, str],
        received: Calls,
        source: nn.Module,
        declared: Mapping[str, Layout],
        tolerance: Callable[[str], float],
        shared: Collection[str],
    ) -> None:
        """Begins with what the source did.

        Args:
            matched: The source module of every target module that has one.
            received: The source's calls.
            source: The whole source.
            declared: Layouts that need not be read, by the path of a target module.
            tolerance: What a module may differ by, by its path in the target.
            shared: Paths of target modules that stand in several places; which call belongs to
                which is known at the end.
        """
        self._matched = matched
        self._shared = shared
        self._received = received
        self._source = source
        self._declared = declared
        self._tolerance = tolerance
        self._times: Counter[str] = Counter()
        self._errors: dict[tuple[str, int], PairErrors] = {}

    def hear(self, path: str, outputs: Tensors) -> Tensors | None:
        """Compares what a module of the target just gave; its shapes, if that agrees."""
        number = self._times[path]
        self._times[path] += 1
        received = self._received.get(self._matched.get(path, ""), [])[number:]
        if path in self._shared or not received or not received[0].outputs or not outputs:
            return None
        # What the source gave is kept in memory, wherever the models are.
        made = first(outputs).detach().cpu()
        error = self._maybe_small(path, number, first(received[0].outputs), made)
        rest(self._received)
        if error is None:
            return None
        self._errors[path, number] = error
        return {key: shape_alone(tensor) for key, tensor in outputs.items()}

    def maybe_errors(
        self, meetings: Sequence[Meeting], answered: Sequence[str]
    ) -> tuple[PairErrors, ...] | None:
        """The errors of all pairs; None if one is too large, or a layout is not sure.

        Args:
            meetings: What is compared.
            answered: The target's modules in the order in which they answered.
        """
        errors = [self._errors.get((m.target, m.number)) or self._late(m) for m in meetings]
        compared = {meeting.target for meeting in meetings}
        order = {path: place for place, path in enumerate(p for p in answered if p in compared)}
        small = [replace(e, order=order[e.pair.target]) for e in errors if e is not None]
        return tuple(small) if len(small) == len(errors) else None

    def _late(self, meeting: Meeting) -> PairErrors | None:
        received, made = first(meeting.received.outputs), first(meeting.made.outputs)
        return self._maybe_small(meeting.target, meeting.number, received, made)

    def _maybe_small(
        self, path: str, number: int, received: Tensor, made: Tensor
    ) -> PairErrors | None:
        layout = self._declared.get(path) or _maybe_layout(path, received, made)
        if layout is None:
            return None
        try:
            outputs = paired_outputs(layout, self._source, made, received)
        except DOES_NOT_RUN:
            return None
        error, tolerance = relative_error(outputs.expected, outputs.actual), self._tolerance(path)
        if not error <= tolerance:
            return None
        return PairErrors(
            pair=Pair(target=path, source=self._matched[path], layout=layout),
            clip=round_name(number),
            isolated=error,
            tolerance=tolerance,
            shape=tuple(made.shape),
            frames_left_out=outputs.frames_left_out,
        )


def _maybe_layout(path: str, received: Tensor, made: Tensor) -> Layout | None:
    ways = read_axes(received, made).ways
    if len(ways) != 1:
        return None
    source, target = (f"{NOT_READ} -> {axes}" for axes in ways[0].kind)
    return Layout(path, source, target, sizes=dict(ways[0].sizes))
