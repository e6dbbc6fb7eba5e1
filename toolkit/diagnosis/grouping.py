"""Which wrong tensors one mistake explains: a finding for a cause, not for a tensor."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from toolkit.checkpoint.sets import language_set, without_language
from toolkit.core.findings import Hypothesis
from toolkit.replay.pairs import owner

SYSTEMATIC = 4
"""Modules in which the same mistake is no accident any more."""
SYSTEMATIC_ROUNDING = 3
"""The same for lost precision: a dtype is lost by files, seldom by modules."""
SCATTERED = 8
"""Modules with mistakes that share a name alone; beyond that they are told as one."""
FUSED = (
    ("q_proj", "k_proj", "v_proj"),
    ("query", "key", "value"),
    ("q_lin", "k_lin", "v_lin"),
    ("linear_q", "linear_k", "linear_v"),
    ("q", "k", "v"),
)
"""Projections that some models hold as one tensor, by the names that others give them."""

_UNFILLED = frozenset({"not_filled", "zeroed"})
_DETAILS: dict[str, tuple[str, ...]] = {
    "sign_flipped": (),
    "transposed": ("axes", "precision"),
    "scaled": ("factor",),
    "heads_permuted": ("heads", "layout", "axis"),
    "rows_shifted": ("by", "axis"),
    "kernel_flipped": ("axes",),
    "fused_split": (),
    "zeroed": (),
    "not_filled": ("missing",),
    "precision_lost": ("dtype",),
    "unspoken": (),
}
"""What makes two hypotheses of a name the same mistake."""


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Tensors that one mistake explains."""

    names: tuple[str, ...]
    hypothesis: Hypothesis
    kind: Literal["here", "moved"]
    """Whether each tensor has the mistake by itself, or several hold each other's values."""
    hypotheses: Mapping[str, Hypothesis]
    """Each tensor's own."""


def find_causes(explained: Mapping[str, Hypothesis], names: Collection[str]) -> tuple[Cause, ...]:
    """The causes behind wrong tensors, in the order of their first tensors.

    Tensors have one cause if they hold each other's values, if they make up a part of the model
    that holds nothing of its source, or if the same happened to the whole of an attention block or
    to several modules.

    Args:
        explained: What happened to each wrong tensor.
        names: All tensors of the model.
    """
    groups = _Groups(explained)
    for place in _unfilled_parts(explained, names):
        groups.join([name for name in explained if name.startswith(place)])
    _join_moved(groups, explained)
    _join_alike(groups, explained)
    return tuple(_cause(group, explained) for group in groups.as_tuples())


def fused_with(module: str) -> tuple[str, ...]:
    """The names of query, key and value, where a module has one of them; else none."""
    leaf = module.rpartition(".")[2]
    return next((names for names in FUSED if leaf in names), ())


def is_of_attention(module: str) -> bool:
    """Whether the rows or columns of a module's weight belong to heads, by its name."""
    leaf = module.rpartition(".")[2]
    return leaf.endswith("_proj") or leaf == "linear_out" or bool(fused_with(module))


def divergence(name: str, other: str) -> tuple[str, str]:
    """The places at which two tensors part: paths up to the one component that differs.

    The owners where more than one differs; the sets of weights that hold them, the model's own or
    that of a language, where these alone do.
    """
    if without_language(name) == without_language(other):
        return language_set(name), language_set(other)
    mine, theirs = name.split("."), other.split(".")
    differing = [i for i, pair in enumerate(zip(mine, theirs, strict=False)) if len(set(pair)) > 1]
    if len(mine) != len(theirs) or len(differing) != 1:
        return owner(name), owner(other)
    end = differing[0] + 1
    return ".".join(mine[:end]), ".".join(theirs[:end])


class _Groups:
    """Names that belong together, joined step by step."""

    def __init__(self, names: Iterable[str]) -> None:
        self._parents: dict[str, str] = {name: name for name in names}

    def find(self, name: str) -> str:
        while self._parents[name] != name:
            name = self._parents[name]
        return name

    def join(self, names: Iterable[str]) -> None:
        roots = [self.find(name) for name in names]
        for root in roots[1:]:
            self._parents[self.find(root)] = self.find(roots[0])

    def as_tuples(self) -> tuple[tuple[str, ...], ...]:
        members: dict[str, list[str]] = defaultdict(list)
        for name in self._parents:
            members[self.find(name)].append(name)
        return tuple(map(tuple, members.values()))


def _unfilled_parts(explained: Mapping[str, Hypothesis], names: Collection[str]) -> Iterator[str]:
    """Prefixes of the largest parts whose tensors were all left out, or all filled with nothing."""
    for missing in (True, False):
        unfilled = {name for name, h in explained.items() if _is_unfilled(h, missing=missing)}
        found: list[str] = []
        for place in sorted({p for name in unfilled for p in _ancestors(name)}, key=len):
            if not place.startswith(tuple(found)) and _covers(place, unfilled, explained, names):
                found.append(place)
        yield from found


def _is_unfilled(hypothesis: Hypothesis, *, missing: bool) -> bool:
    is_missing = bool(hypothesis.detail.get("missing"))
    return hypothesis.name in _UNFILLED and is_missing == missing


def _ancestors(name: str) -> Iterator[str]:
    """Prefixes of the modules around a tensor, the model itself left out."""
    parts = owner(name).split(".")
    yield from (".".join(parts[: end + 1]) + "." for end in range(len(parts)))


def _covers(
    place: str,
    unfilled: Collection[str],
    explained: Mapping[str, Hypothesis],
    names: Collection[str],
) -> bool:
    """Whether nothing else is wrong in a place, and at most half of it is as it should be.

    Values that a new model has too, such as biases of zero, are right by chance.
    """
    inside = [name for name in names if name.startswith(place)]
    wrong = [name for name in inside if name in explained]
    return all(name in unfilled for name in wrong) and 2 * len(wrong) >= len(inside)


def _join_moved(groups: _Groups, explained: Mapping[str, Hypothesis]) -> None:
    """Joins tensors that moved between the same places: two modules, the layers of a stack.

    A tensor whose values moved away is part of that, whatever it holds now.
    """
    places: dict[str, list[str]] = defaultdict(list)
    for name, hypothesis in explained.items():
        home = _home(hypothesis)
        if not home:
            continue
        for place in divergence(name, home):
            places[place].append(name)
        groups.join([name, home] if home in explained else [name])
    for members in places.values():
        groups.join(members)


def _home(hypothesis: Hypothesis) -> str:
    return str(hypothesis.detail.get("with", ""))


def _join_alike(groups: _Groups, explained: Mapping[str, Hypothesis]) -> None:
    """Joins what happened in the same way to one module, one block, or many modules."""
    here = {name: h for name, h in explained.items() if not _home(h)}
    for members in _by(here, lambda name: (owner(name), *_look(here[name]))):
        groups.join(members)
    projections = [name for name in here if fused_with(owner(name))]
    for members in _by(projections, lambda name: (owner(owner(name)), *_signature(here[name]))):
        if _signature(here[members[0]]):
            groups.join(members)
    for members in _by(here, lambda name: _signature(here[name]) or _look(here[name])):
        if len(set(map(owner, members))) >= _threshold(here[members[0]]):
            groups.join(members)


def _by(names: Iterable[str], key: Callable[[str], Hashable]) -> Iterable[list[str]]:
    found: dict[Hashable, list[str]] = defaultdict(list)
    for name in names:
        found[key(name)].append(name)
    return found.values()


def _look(hypothesis: Hypothesis) -> tuple[str, ...]:
    """What mistakes of one module share that are one."""
    return hypothesis.name, str(bool(hypothesis.detail.get("missing")))


def _signature(hypothesis: Hypothesis) -> tuple[str, ...]:
    """What two of the same mistake share; empty where tensors err each in its own way."""
    if hypothesis.name not in _DETAILS:
        return () if hypothesis.confirmed else (hypothesis.name, "unexplained")
    return hypothesis.name, *(_rounded(hypothesis.detail.get(k)) for k in _DETAILS[hypothesis.name])


def _rounded(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else repr(value)


def _threshold(hypothesis: Hypothesis) -> int:
    if hypothesis.name == "unspoken":
        return 1
    if hypothesis.name == "precision_lost":
        return SYSTEMATIC_ROUNDING
    return SYSTEMATIC if _signature(hypothesis) else SCATTERED


def _cause(names: tuple[str, ...], explained: Mapping[str, Hypothesis]) -> Cause:
    own = {name: explained[name] for name in names}
    moved = [name for name in names if _home(own[name])]
    hypothesis = own[moved[0] if moved else _telling(own)]
    if moved and _is_fused_mix(own):
        order = {name: _home(h) for name, h in own.items()}
        hypothesis = Hypothesis(name="fused_split", confirmed=True, detail={"holds": order})
    return Cause(
        names=names, hypothesis=hypothesis, kind="moved" if moved else "here", hypotheses=own
    )


def _telling(own: Mapping[str, Hypothesis]) -> str:
    """The tensor whose hypothesis says most: of a new model, biases alone are zeros."""
    return next((name for name, h in own.items() if h.name != "zeroed"), next(iter(own)))


def _is_fused_mix(own: Mapping[str, Hypothesis]) -> bool:
    """Whether all three of query, key and value hold another one's values."""
    leaves = {owner(name).rpartition(".")[2] for name in own}
    homes = {owner(_home(h)).rpartition(".")[2] for h in own.values()}
    return leaves == homes and any(leaves == set(names) for names in FUSED)
