"""Pairs kinds of tensors of the same shapes, by all that is known but their values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from toolkit.inference.assigning import best_pairs
from toolkit.inference.scoring import ORDER, Pairs, Scores, Votes
from toolkit.inference.tree import Kind

ROUNDS = 6
"""Times that neighbours are asked where the others went."""
CLEAR = 0.5
"""Likeness of names that counts before the neighbours are known."""
Classes = Sequence[tuple[Sequence[Kind], Sequence[Kind]]]
"""Kinds of both sides that may be pairs, as far as they stand on their own."""


def classes_of(sources: Iterable[Kind], targets: Iterable[Kind]) -> Classes:
    """Kinds with tensors of the same shapes in the same order."""
    found: dict[object, tuple[list[Kind], list[Kind]]] = defaultdict(lambda: ([], []))
    for side, kinds in enumerate((sources, targets)):
        for kind in kinds:
            found[kind.shapes][side].append(kind)
    return [both for both in found.values() if all(both)]


def pair_kinds(classes: Classes, scores: Scores, known: Pairs) -> dict[Kind, Kind]:
    """The kind of the target that each kind of the source is.

    Args:
        classes: Which may be pairs.
        scores: What is known of them.
        known: Pairs that are sure, and tell where their neighbours go.
    """
    pairs = _clear(classes, scores)
    for _ in range(ROUNDS):
        votes = Votes([*known.items(), *pairs.items()])
        following = {}
        for sources, targets in classes:
            following.update(_pair(sources, targets, scores, votes, pairs))
        if following == pairs:
            break
        pairs = following
    return pairs


def _clear(classes: Classes, scores: Scores) -> dict[Kind, Kind]:
    """Pairs that have no rival, or are called alike."""
    clear = {}
    for sources, targets in classes:
        if len(sources) == len(targets) == 1:
            clear[sources[0]] = targets[0]
            continue
        for source, target in _pair(sources, targets, scores, Votes(()), {}).items():
            if scores.likeness(source, target) > CLEAR:
                clear[source] = target
    return clear


def _pair(
    sources: Sequence[Kind],
    targets: Sequence[Kind],
    scores: Scores,
    votes: Votes,
    before: Mapping[Kind, Kind],
) -> dict[Kind, Kind]:
    import numpy as np

    table = np.array(
        [
            [
                scores.whole(source, target, votes, before.get(source) == target)
                - ORDER * abs(row / len(sources) - column / len(targets))
                for column, target in enumerate(targets)
            ]
            for row, source in enumerate(sources)
        ]
    )
    return {sources[row]: targets[column] for row, column in best_pairs(table)}
