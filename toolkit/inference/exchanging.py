"""What might as well be the other way round: parts that nothing tells apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from toolkit.inference.scoring import PLACE, Pairs, Scores, Votes
from toolkit.inference.tree import Kind

MARGIN = 0.05
"""Evidence that differs by less tells nothing."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A module or a tensor of the target, and what of the source it is made of."""

    path: str
    inside: Mapping[str, Kind]
    """Its kinds, by their names within it."""
    sources: Mapping[str, Kind]
    """What each is made of, by the same names."""
    source_path: str
    """The smallest module of the source that has all of these, or a tensor."""

    @property
    def signature(self) -> object:
        """What parts have in common that could stand for each other."""
        return tuple(sorted((name, kind.shapes) for name, kind in self.inside.items()))


def exchangeable(pairs: Pairs, scores: Scores, known: Pairs) -> list[list[Part]]:
    """Groups of parts of the target that nothing tells apart; the smallest that are.

    Args:
        pairs: What was chosen.
        scores: What is known.
        known: Pairs that are sure.
    """
    votes = Votes([*known.items(), *pairs.items()])
    alike: dict[object, list[Part]] = defaultdict(list)
    for part in _parts(pairs):
        alike[part.signature].append(part)
    groups = []
    for parts in alike.values():
        groups += _connected(parts, lambda one, other: _is_open(one, other, scores, votes))
    return _smallest(groups)


def _parts(pairs: Pairs) -> Iterator[Part]:
    made = {target: source for source, target in pairs.items()}
    under: dict[str, list[Kind]] = defaultdict(list)
    for target in made:
        for path in (target.pattern, *target.above[:-1]):
            under[path].append(target)
    for path, targets in under.items():
        inside = {target.pattern.removeprefix(path): target for target in targets}
        sources = {name: made[target] for name, target in inside.items()}
        yield Part(
            path=path,
            inside=inside,
            sources=sources,
            source_path=_common([kind.pattern for kind in sources.values()]),
        )


def _common(names: Sequence[str]) -> str:
    """The longest beginning, in whole parts, that names share."""
    parts = [name.split(".") for name in names]
    shared = []
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return ".".join(shared)


def _is_open(one: Part, other: Part, scores: Scores, votes: Votes) -> bool:
    if one.path.startswith(f"{other.path}.") or other.path.startswith(f"{one.path}."):
        return False
    gained = sum(_gain(one, other, name, scores) for name in one.inside)
    return gained + PLACE * _moved(one, other, votes) > -MARGIN


def _gain(one: Part, other: Part, name: str, scores: Scores) -> float:
    """What is gained for a tensor of each by an exchange, but for their places."""
    s1, s2, t1, t2 = one.sources[name], other.sources[name], one.inside[name], other.inside[name]
    now = scores.base(s1, t1) + scores.base(s2, t2)
    return scores.base(s1, t2) + scores.base(s2, t1) - now


def _moved(one: Part, other: Part, votes: Votes) -> float:
    """What is gained by an exchange as to the modules around both."""
    own = Votes((part.sources[n], part.inside[n]) for part in (one, other) for n in part.inside)
    s1, s2, t1, t2 = map(_around, (one.source_path, other.source_path, one.path, other.path))
    now = votes.around(s1, t1, own) + votes.around(s2, t2, own)
    return votes.around(s1, t2, own) + votes.around(s2, t1, own) - now


def _around(path: str) -> list[str]:
    parts = path.split(".")[:-1]
    return [".".join(parts[:end]) for end in range(len(parts), 0, -1)]


def _connected(parts: Sequence[Part], is_open: Callable[[Part, Part], bool]) -> list[list[Part]]:
    """Groups of parts of which each may change places with another of its group."""
    groups = {part.path: {part.path} for part in parts}
    for one, other in combinations(parts, 2):
        if groups[one.path] is not groups[other.path] and is_open(one, other):
            joined = groups[one.path] | groups[other.path]
            for path in joined:
                groups[path] = joined
    distinct = {id(group): group for group in groups.values() if len(group) > 1}
    by_path = {part.path: part for part in parts}
    return [[by_path[path] for path in by_path if path in group] for group in distinct.values()]


def _smallest(groups: list[list[Part]]) -> list[list[Part]]:
    """Without groups that are said by others already: what is a tensor of parts that may change."""
    paths = [{part.path for part in group} for group in groups]

    def is_said(index: int) -> bool:
        return any(
            other is not paths[index]
            and all(any(p.startswith(f"{o}.") for o in other) for p in paths[index])
            for other in paths
        )

    return [group for index, group in enumerate(groups) if not is_said(index)]
