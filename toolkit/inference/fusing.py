"""Tensors that hold several of the other side's, where nothing but shapes and names tells."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from toolkit.inference.names import tokens
from toolkit.inference.scoring import Scores, Votes
from toolkit.inference.tree import Kind, Shape

Shapes = tuple[Shape, ...]
"""Of a kind, by layer."""
MOST = 4
"""Most tensors that one holds."""
LETTERS = {"q": "query", "k": "key", "v": "value"}
"""What letters in the name of one that holds several stand for."""


@dataclass(frozen=True, kw_only=True)
class Fusion:
    """Kinds of one side that make up those of the other."""

    sources: tuple[Kind, ...]
    targets: tuple[Kind, ...]
    is_told: bool
    """Whether names tell the order."""


def cut_kinds(
    sources: Iterable[Kind], targets: Sequence[Kind], scores: Scores, votes: Votes
) -> Iterator[Fusion]:
    """Kinds of the source that nothing of the target has the shapes of, but several together.

    Where more of the source than of the target have the same shapes, those are cut that are least
    like what the target has: three projections together may be as large as a feed-forward map. The
    bias of a module is cut into those of the modules that its weight is cut into.
    """
    sources, left = tuple(sources), list(targets)
    cut: dict[str, tuple[str, ...]] = {}
    lacking = _outnumbering(targets, sources)
    for source in sorted(_spare(sources, targets, scores, votes), key=lambda k: -len(k.shapes[0])):
        groups = [g for g in _groups(left) if _sum(g) == source.shapes and len(_alike(g)) == 1]
        groups = [g for g in groups if g[0].shapes in lacking]
        beside = [g for g in groups if _modules(g) == cut.get(source.above[0])]
        if groups:
            best = max(beside or groups, key=lambda group: _liking(source, group, scores, votes))
            ordered = _told(source, best)
            yield Fusion(
                sources=(source,), targets=tuple(ordered or best), is_told=ordered is not None
            )
            cut[source.above[0]] = _modules(best)
            left = [kind for kind in left if kind not in best]


def _outnumbering(kinds: Iterable[Kind], others: Iterable[Kind]) -> Counter[Shapes]:
    """How many more of some kinds than of others have the same shapes."""
    return Counter(kind.shapes for kind in kinds) - Counter(kind.shapes for kind in others)


def _spare(
    sources: Sequence[Kind], targets: Sequence[Kind], scores: Scores, votes: Votes
) -> Iterator[Kind]:
    """Of kinds that outnumber those of the target, as many as are too many."""

    def best(source: Kind) -> tuple[bool, float]:
        same = [kind for kind in targets if kind.shapes == source.shapes]
        near = (scores.whole(source, kind, votes, own=False) for kind in same)
        return not _says_several(source), max(near, default=0.0)

    for shapes, count in _outnumbering(sources, targets).items():
        alike = [kind for kind in sources if kind.shapes == shapes]
        yield from sorted(alike, key=best)[:count]


def _says_several(kind: Kind) -> bool:
    """Whether a name has letters of several projections, as `qkv`."""
    words = {word for part in kind.pattern.lower().split(".") for word in part.split("_")}
    return any(len(word) > 1 and set(word) <= set(LETTERS) for word in words)


def _modules(group: Sequence[Kind]) -> tuple[str, ...]:
    return tuple(kind.above[0] for kind in group)


def joined_kinds(
    sources: Sequence[Kind], targets: Iterable[Kind], scores: Scores, votes: Votes
) -> Iterator[Fusion]:
    """Kinds of the target that nothing of the source has the shapes of, but several together."""
    shapes, targets = {kind.shapes for kind in sources}, list(targets)
    same = {(kind.pattern, kind.shapes) for kind in targets}
    left = [kind for kind in sources if (kind.pattern, kind.shapes) not in same]
    joined: set[str] = set()
    for target in targets:
        if target.shapes in shapes:
            continue
        groups = [group for group in _groups(left) if _sum(group) == target.shapes]
        if groups:
            best = max(groups, key=lambda g: _fitting(g, target, joined, scores, votes))
            joined.update(kind.above[0] for kind in best)
            yield Fusion(sources=tuple(best), targets=(target,), is_told=_are_counted(best))
            left = [kind for kind in left if kind not in best]


def _fitting(
    group: Sequence[Kind], target: Kind, joined: set[str], scores: Scores, votes: Votes
) -> float:
    """How well a group makes up a kind; modules of which another tensor was joined fit best."""
    near = sum(scores.whole(kind, target, votes, own=False) for kind in group) / len(group)
    beside = all(kind.above[0] in joined for kind in group)
    return near + (1.0 if _are_counted(group) else 0.0) + (2.0 if beside else 0.0)


def _groups(kinds: Sequence[Kind]) -> Iterator[list[Kind]]:
    """Runs of neighbours, in the order of the file, whose names end alike."""
    under: dict[tuple[str, str], list[Kind]] = defaultdict(list)
    for kind in kinds:
        parts = kind.pattern.split(".")
        under[".".join(parts[:-2]), parts[-1]].append(kind)
        under[".".join(parts[:-1]), "*"].append(kind)
    for group in under.values():
        for count in range(2, MOST + 1):
            for begin in range(len(group) - count + 1):
                yield group[begin : begin + count]
            for left_out in range(len(group)):
                rest = group[:left_out] + group[left_out + 1 :]
                if len(rest) == count:
                    yield rest


def _sum(group: Sequence[Kind]) -> tuple[tuple[int, ...], ...] | None:
    """The shapes of what a group makes up; None where its kinds do not go together."""
    if len({(len(kind.shapes), kind.ranks) for kind in group}) > 1:
        return None
    made = []
    for shapes in zip(*(kind.shapes for kind in group), strict=True):
        if not all(shapes) or len({shape[1:] for shape in shapes}) > 1:
            return None
        made.append((sum(shape[0] for shape in shapes), *shapes[0][1:]))
    return tuple(made)


def _alike(group: Sequence[Kind]) -> set[object]:
    return {kind.shapes for kind in group}


def _liking(source: Kind, group: Sequence[Kind], scores: Scores, votes: Votes) -> float:
    near = sum(scores.whole(source, kind, votes, own=False) for kind in group) / len(group)
    return near + (1.0 if _told(source, group) else 0.0)


def _told(source: Kind, group: Sequence[Kind]) -> list[Kind] | None:
    """The group in the order that letters of the source's name say; None where they do not."""
    roles = {role: kind for kind in group for role in _roles(kind)}
    for part in reversed(source.pattern.split(".")):
        for word in part.lower().split("_"):
            said = [LETTERS.get(letter) for letter in word]
            if len(said) == len(group) and set(said) == set(roles) and None not in said:
                return [roles[role] for role in said if role is not None]
    return None


def _roles(kind: Kind) -> set[str]:
    near = kind.pattern.split(".")[-2:]
    return {token for part in near for token in tokens(part)} & set(LETTERS.values())


def _are_counted(group: Sequence[Kind]) -> bool:
    """Whether names differ by a number or a letter alone that counts up."""
    parts = [kind.pattern.split(".") for kind in group]
    differing = [level for level in zip(*parts, strict=False) if len(set(level)) > 1]
    if len(differing) != 1 or len({len(p) for p in parts}) > 1:
        return False
    ends = [text[-1] for text in differing[0]]
    starts = {text[:-1] for text in differing[0]}
    codes = [ord(end) for end in ends]
    return len(starts) == 1 and codes == list(range(codes[0], codes[0] + len(codes)))
