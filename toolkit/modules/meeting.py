"""Calls of both models that belong together, and how the tensors of each lie."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeGuard

from toolkit.compare.metrics import largest, relative_error
from toolkit.core.coverage import Reason
from toolkit.modules.layouts import SAME_VALUES, Axes, Reading, read_axes, settle
from toolkit.modules.running import Heard
from toolkit.oracle.hooks import Call, Calls, ShelvedCalls, rest
from toolkit.replay.pairs import Layout, Pair
from toolkit.replay.replay import first

if TYPE_CHECKING:
    from torch import Tensor, nn

MASKED = 1e9
"""A tensor with values beyond that, or infinite ones, is a mask and no activation."""
CALLS = "inputs"
"""What the first call of each module is called; further ones have their number."""


@dataclass(frozen=True, kw_only=True)
class Meeting:
    """One call of each of two modules that must do the same."""

    source: str
    target: str
    number: int
    """Counted from 0."""
    received: Call
    """The source module's call."""
    made: Call
    """The target module's."""
    kinds: tuple[str, str]
    """The classes of both modules."""


@dataclass(frozen=True, kw_only=True)
class _Read:
    """How the tensors of a meeting lie."""

    meeting: Meeting
    inputs: Reading
    outputs: Reading
    also: Mapping[str, tuple[str, Axes]]


@dataclass(frozen=True, kw_only=True)
class Round:
    """The meetings of one number, each as a pair with its layout."""

    name: str
    pairs: tuple[Pair, ...]
    received: Calls
    made: Calls
    assumed: tuple[Reason, ...]
    """Layouts that are as those of other modules, as nothing else tells them."""


def hold_meetings(
    matched: Mapping[str, str], models: tuple[nn.Module, nn.Module], source: Heard, target: Heard
) -> tuple[tuple[Meeting, ...], dict[str, str]]:
    """The calls that belong together, and why modules have none.

    Args:
        matched: The source module of every target module that has one.
        models: The source and the target.
        source: What the source did.
        target: What the target did.
    """
    meetings: list[Meeting] = []
    apart = {}
    for path, origin in matched.items():
        received, made = source.calls.get(origin, []), target.calls.get(path, [])
        because = _maybe_apart(origin, path, received, made)
        if because is not None:
            apart[path] = because
            continue
        kinds = (_kind(models[0], origin), _kind(models[1], path))
        meetings += [
            Meeting(
                source=origin,
                target=path,
                number=number,
                received=one,
                made=other,
                kinds=kinds,
            )
            for number, (one, other) in enumerate(zip(received, made, strict=True))
        ]
    return tuple(meetings), apart


def round_name(number: int) -> str:
    """What the calls of one number are called, which is counted from 0."""
    return CALLS if number == 0 else f"{CALLS}, call {number + 1}"


def lay_out(
    meetings: Sequence[Meeting], declared: Mapping[str, Layout], source: Heard, target: Heard
) -> tuple[tuple[Round, ...], dict[str, str]]:
    """The meetings with their layouts, by their number; and why modules have none.

    A module around others that gives another shape than its counterpart does gives something else,
    as one that leaves the last projection to whom it answers.

    Args:
        meetings: What is compared.
        declared: Layouts that need not be read, by the path of a target module.
        source: What the source did.
        target: What the target did.
    """
    flow = _Flow(meetings)
    read = []
    for meeting in meetings:
        if meeting.target not in declared:
            read.append(_read(meeting, flow))
        for calls in (source.calls, target.calls):
            rest(calls)
    apart = dict(_otherwise(read))
    read = [one for one in read if one.meeting.target not in apart]
    meetings = [meeting for meeting in meetings if meeting.target not in apart]
    settled = [_settled(one, read) for one in read]
    unclear = dict(_open(settled))
    settled = [one for one in settled if one.meeting.target not in unclear]
    meetings = [meeting for meeting in meetings if meeting.target not in unclear]
    layouts = {(one.meeting.target, one.meeting.number): _layout(one) for one in settled}
    assumed = {one.meeting.target: one for one in settled if "others" in _how(one)}
    rounds = max((meeting.number for meeting in meetings), default=-1) + 1
    return tuple(
        _round(number, meetings, declared, layouts, assumed, source, target)
        for number in range(rounds)
    ), {**apart, **unclear}


def _otherwise(read: Sequence[_Read]) -> Iterator[tuple[str, str]]:
    paths = {one.meeting.target for one in read}
    for one in read:
        path, source = one.meeting.target, one.meeting.source
        if not one.outputs.ways and any(part.startswith(f"{path}.") for part in paths):
            made, received = (
                tuple(first(call.outputs).shape)
                for call in (one.meeting.made, one.meeting.received)
            )
            because = f"it gives {made}, `{source}` gives {received}; its parts are compared"
            yield path, because


def _maybe_apart(origin: str, path: str, received: list[Call], made: list[Call]) -> str | None:
    """Why the calls of two modules cannot be compared, if so."""
    if not received or not made:
        sides = {f"the source's `{origin}`": received, f"`{path}`": made}
        never = " and ".join(side for side, calls in sides.items() if not calls)
        return f"nothing calls {never} on these inputs; what it does shows in the module around it"
    if len(received) != len(made):
        return f"the source calls `{origin}` {len(received)} times, the target {len(made)}"
    if not all(map(_is_of_tensors, (*received, *made))):
        return "it is given no tensor, or gives none; what it does shows in the module around it"
    return None


def _is_of_tensors(call: Call) -> bool:
    return bool(call.outputs) and any(map(_is_tensor, call.arguments.values()))


def _is_tensor(value: object) -> TypeGuard[Tensor]:
    import torch

    return isinstance(value, torch.Tensor)


def _kind(model: nn.Module, path: str) -> str:
    return type(model.get_submodule(path)).__name__


class _Flow:
    """Which module gave a tensor that others are given, by the tensor itself."""

    def __init__(self, meetings: Iterable[Meeting]) -> None:
        self._received: dict[int, set[str]] = {}
        self._made: dict[int, set[str]] = {}
        for meeting in meetings:
            for givers, call in ((self._received, meeting.received), (self._made, meeting.made)):
                givers.setdefault(id(first(call.outputs)), set()).add(meeting.target)

    def same_giver(self, given: Tensor, held: Tensor) -> bool:
        """Whether two modules that belong together gave them."""
        return bool(self._received.get(id(given), set()) & self._made.get(id(held), set()))


def _read(meeting: Meeting, flow: _Flow) -> _Read:
    received, made = meeting.received, meeting.made
    taken = next(name for name, value in made.arguments.items() if _is_tensor(value))
    return _Read(
        meeting=meeting,
        inputs=read_axes(first(received.inputs), made.arguments[taken]),
        outputs=read_axes(first(received.outputs), first(made.outputs)),
        also=dict(_further(meeting, taken, flow)),
    )


def _further(meeting: Meeting, taken: str, flow: _Flow) -> Iterator[tuple[str, tuple[str, Axes]]]:
    """The target's other arguments that hold activations, each with the source's and its axes."""
    others = {name: v for name, v in meeting.made.arguments.items() if name != taken}
    further = _activations(others)
    given = _activations(meeting.received.inputs) if further else {}
    for name, held in further.items():
        readings = {key: read_axes(value, held) for key, value in given.items()}
        same = [k for k, r in readings.items() if r.how == "values"]
        same += [k for k, r in readings.items() if r.ways and flow.same_giver(given[k], held)]
        same += [k for k, r in readings.items() if len(r.ways) == 1 and _equal(r, given[k], held)]
        fitting = [k for k, r in readings.items() if len(r.ways) == 1 and k != next(iter(given))]
        same += fitting if len(fitting) == 1 else []
        if same:
            yield name, (same[0], readings[same[0]].ways[0])


def _equal(reading: Reading, given: Tensor, held: Tensor) -> bool:
    return relative_error(reading.ways[0].place(given), held) <= SAME_VALUES


def _activations(values: Mapping[str, object]) -> dict[str, Tensor]:
    return {
        name: value
        for name, value in values.items()
        if _is_tensor(value) and value.is_floating_point() and largest(value) < MASKED
    }


def _settled(one: _Read, read: Sequence[_Read]) -> _Read:
    """A module's own input and output tell of each other before those of other modules do."""
    alike = [other for other in read if other.meeting.kinds == one.meeting.kinds]
    inputs, outputs = settle(one.inputs, [one.outputs]), settle(one.outputs, [one.inputs])
    for others in (alike, read):
        inputs = settle(inputs, [other.inputs for other in others])
        outputs = settle(outputs, [other.outputs for other in others])
    return replace(one, inputs=inputs, outputs=outputs)


def _how(one: _Read) -> tuple[str, str]:
    return one.inputs.how, one.outputs.how


def _open(read: Iterable[_Read]) -> Iterator[tuple[str, str]]:
    for one in read:
        if "open" in _how(one):
            reading = one.inputs if one.inputs.how == "open" else one.outputs
            ways = " or ".join(f"`{way.source} -> {way.target}`" for way in reading.ways[:3])
            yield (
                one.meeting.target,
                (
                    f"its tensors may be those of `{one.meeting.source}` as {ways}, and no values "
                    "tell; give inputs whose sizes all differ, or name it in `layouts`"
                ),
            )


def _layout(one: _Read) -> Layout:
    inputs, outputs = (_only(reading, one) for reading in (one.inputs, one.outputs))
    also = {name: (key, axes.source, axes.target) for name, (key, axes) in one.also.items()}
    sizes = dict(
        (*inputs.sizes, *outputs.sizes, *(s for _, a in one.also.values() for s in a.sizes))
    )
    return Layout(
        one.meeting.target,
        f"{inputs.source} -> {outputs.source}",
        f"{inputs.target} -> {outputs.target}",
        also=also,
        sizes=sizes,
    )


def _only(reading: Reading, one: _Read) -> Axes:
    """The one way; where shapes do not go together, the order as it is, which will not fit."""
    if reading.ways:
        return reading.ways[0]
    calls = (one.meeting.received, one.meeting.made)
    tensors = first(calls[1].inputs) if reading is one.inputs else first(calls[1].outputs)
    axes = " ".join(f"X{place}" for place in range(tensors.dim()))
    return Axes(source=axes, target=axes)


def _round(
    number: int,
    meetings: Sequence[Meeting],
    declared: Mapping[str, Layout],
    layouts: Mapping[tuple[str, int], Layout],
    assumed: Mapping[str, _Read],
    source: Heard,
    target: Heard,
) -> Round:
    held = [meeting for meeting in meetings if meeting.number == number]
    return Round(
        name=round_name(number),
        pairs=tuple(
            Pair(
                target=m.target,
                source=m.source,
                layout=declared.get(m.target) or layouts[m.target, number],
            )
            for m in held
        ),
        received=_alone(source.calls, {m.source: m.received for m in held}),
        made=_alone(target.calls, {m.target: m.made for m in held}),
        assumed=tuple(
            Reason(name=m.target, because=_because(layouts[m.target, number]))
            for m in held
            if m.target in assumed
        ),
    )


def _because(layout: Layout) -> str:
    return (
        f"its tensors lie as `{layout.source_axes}` beside `{layout.target_axes}`, as those of "
        "other modules do"
    )


def _alone(calls: Calls, only: Mapping[str, Call]) -> Calls:
    """One call of each module, the tensors where they were."""
    alone = ShelvedCalls()
    if isinstance(calls, ShelvedCalls):
        alone.shelf = calls.shelf
    alone.update({path: [only[path]] for path in calls if path in only})
    return alone
