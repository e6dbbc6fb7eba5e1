"""How well one kind of tensor answers to another: names, values, and where their neighbours go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from toolkit.inference.names import Vocabulary
from toolkit.inference.tree import Kind

NAME, GAIN, PLACE, ORDER = 3.0, 1.5, 2.0, 1e-3
"""How much each evidence weighs; the order of the file only breaks ties."""
FAR = 0.6
"""How much less each further module around two tensors counts."""
Pairs = Mapping[Kind, Kind]
"""Kinds of the target by the kind of the source that each is made of."""


class Votes:
    """Which modules of both sides hold tensors that answer to each other."""

    def __init__(self, pairs: Iterable[tuple[Kind, Kind]]) -> None:
        """Takes pairs of a source's kind and a target's."""
        self.both: Counter[tuple[str, str]] = Counter()
        self.source: Counter[str] = Counter()
        self.target: Counter[str] = Counter()
        for source, target in pairs:
            self.source.update(source.above[:-1])
            self.target.update(target.above[:-1])
            self.both.update((s, t) for s in source.above[:-1] for t in target.above[:-1])

    def agreement(self, source: str, target: str, without: Votes | None = None) -> float:
        """Which share of the tensors of two modules answer to each other, between 0 and 1."""
        less = without or _NOBODY
        most = max(
            self.source[source] - less.source[source], self.target[target] - less.target[target]
        )
        return (self.both[source, target] - less.both[source, target]) / most if most > 0 else 0.0

    def around(
        self, source: Sequence[str], target: Sequence[str], without: Votes | None = None
    ) -> float:
        """How well the modules around two tensors answer to each other."""
        return sum(
            FAR**far * max((self.agreement(s, t, without) for t in target), default=0.0)
            for far, s in enumerate(source)
        )


_NOBODY = Votes(())


@dataclass(frozen=True)
class Scores:
    """The scores of two models' kinds."""

    targets: tuple[Kind, ...]
    is_gain: Callable[[str], bool | None]
    """Whether a tensor's values lie around one; None where nobody knows. Of names of both sides,
    the source's with `<` before them."""

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The words of the target."""
        return Vocabulary(kind.pattern for kind in self.targets)

    def likeness(self, source: Kind, target: Kind) -> float:
        """How alike the names are, between 0 and 1."""
        return self.vocabulary.likeness(source.pattern, target.pattern)

    def gain(self, source: Kind, target: Kind) -> int:
        """Whether both are gains or neither: 1; one of them: -1; unknown: 0."""
        if len(source.shapes[0]) > 1:
            return 0
        said = self.is_gain("<" + source.names[0]), self.is_gain(target.names[0])
        return 0 if None in said else 1 if said[0] == said[1] else -1

    def base(self, source: Kind, target: Kind) -> float:
        """What two kinds say by themselves."""
        return NAME * self.likeness(source, target) + GAIN * self.gain(source, target)

    def whole(self, source: Kind, target: Kind, votes: Votes, own: bool) -> float:
        """The same, with what their neighbours say.

        Args:
            source: Of the source.
            target: Of the target.
            votes: Of all.
            own: Whether this pair is among them, which counts for nothing then.
        """
        without = Votes([(source, target)]) if own else None
        around = votes.around(source.above[:-1], target.above[:-1], without)
        return self.base(source, target) + PLACE * around
