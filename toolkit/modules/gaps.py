"""Where between two modules that are right something goes wrong: what lies between is nobody's.

Neither the code of a module around others, nor one that the other model has not, is compared by
itself. The first module that is given something else, although all before it still agrees, tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.compare import tolerances
from toolkit.compare.metrics import relative_error
from toolkit.modules.meeting import Round
from toolkit.oracle.failing import DOES_NOT_RUN
from toolkit.oracle.hooks import Calls
from toolkit.replay.pairs import Pair
from toolkit.replay.replay import first, replay_arguments
from toolkit.trial.isolating import inputs_agree

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Gap:
    """The two modules between which it happens, on the target's side."""

    before: str
    """The last that agrees in its place; empty where none comes before."""
    after: str
    """The first that is given something else; empty where none comes after."""
    giver: str = ""
    """What gave it that, a module that is compared with none; empty where nothing is known."""
    lacks: str = ""
    """A module whose output, added to what was given, makes it right; empty where there is none."""

    @property
    def where(self) -> str:
        """The smallest module that is sure to hold what is wrong; empty for the model itself."""
        if self.giver:
            return self.giver
        ends = [path.split(".") for path in (self.before, self.after) if path]
        shared = []
        for parts in zip(*ends, strict=False):
            if len(set(parts)) > 1 or len(ends) < 2:
                break
            shared.append(parts[0])
        return ".".join(shared)


def find_gap(one: Round, order: Iterable[str], inside: str = "") -> Gap | None:
    """The first gap in a module all of whose parts are right by themselves.

    Args:
        one: The first call of each pair.
        order: The target's modules as they answered.
        inside: The module; the whole model by default.

    Returns:
        None where what the module itself was given is something else already.
    """
    prefix = f"{inside}." if inside else ""
    by_target = {pair.target: pair for pair in one.pairs}
    if inside in by_target and not _agrees(one, by_target[inside]):
        return None
    answered = [path for path in order if path.startswith(prefix) and path in by_target]
    before = ""
    for path in answered:
        if not _agrees(one, by_target[path]):
            return Gap(before=before, after=path, lacks=_lacking(one, by_target[path]))
        before = path
    return Gap(before=before, after="")


def _agrees(one: Round, pair: Pair) -> bool:
    made, received = one.made[pair.target][0], one.received[pair.source][0]
    try:
        return inputs_agree(pair, made, received, tolerances.ISOLATED)
    except DOES_NOT_RUN:
        return False


def find_giver(one: Round, gap: Gap, made: Calls) -> str:
    """The outermost module without a counterpart that gave a module what it was given.

    Args:
        one: The first call of each pair.
        gap: What it is about.
        made: The calls of all modules of the target.
    """
    known = {pair.target for pair in one.pairs}
    given = first(one.made[gap.after][0].inputs)
    givers = [
        path
        for path, calls in made.items()
        if path and path not in known and any(_gave(given, call.outputs) for call in calls)
    ]
    return min(givers, key=len, default="")


def _gave(given: Tensor, outputs: Mapping[str, Tensor]) -> bool:
    return bool(outputs) and first(dict(outputs)).equal(given)


def _lacking(one: Round, pair: Pair) -> str:
    """The module whose output or input is the very difference between what two were given."""
    made, received = one.made[pair.target][0], one.received[pair.source][0]
    arguments = replay_arguments(pair.layout, made, received)
    changed = [name for name, value in arguments.items() if value is not made.arguments[name]]
    wanted, given = arguments[changed[0]], made.arguments[changed[0]]
    if wanted.shape != given.shape or not wanted.is_floating_point():
        return ""
    difference = wanted.double() - given.double()
    found = (path for path, tensor in _values(one) if _is(difference, tensor))
    return next(found, "")


def _values(one: Round) -> Iterator[tuple[str, Tensor]]:
    for path, calls in one.made.items():
        yield path, first(calls[0].outputs)
        yield path, first(calls[0].inputs)


def _is(difference: Tensor, tensor: Tensor) -> bool:
    if tensor.shape != difference.shape or not tensor.is_floating_point():
        return False
    return relative_error(difference, tensor) <= tolerances.ISOLATED


def describe(gap: Gap) -> str:
    """The gap in words, to follow what is wrong."""
    if not gap.after:
        return f"behind `{gap.before}`, which still agrees" if gap.before else ""
    begin = f"`{gap.before}` still agrees, but " if gap.before else ""
    lacks = f", by just what `{gap.lacks}` gives or is given" if gap.lacks else ""
    return f"{begin}`{gap.after}` is given something else{lacks}"
