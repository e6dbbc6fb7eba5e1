"""Proposes which tensors of one model are which of another: by value first, by structure then."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from toolkit.checkpoint.recipes import Recipe
from toolkit.inference import values
from toolkit.inference.exchanging import Part, exchangeable
from toolkit.inference.fusing import Fusion, cut_kinds, joined_kinds
from toolkit.inference.lying import lying, upright
from toolkit.inference.merging import merge_stacks
from toolkit.inference.proposal import Ambiguity, Match, Proposal
from toolkit.inference.scoring import Scores, Votes
from toolkit.inference.structure import Classes, classes_of, pair_kinds
from toolkit.inference.tree import Kind, kinds_of

if TYPE_CHECKING:
    from torch import Tensor

GAIN_MEAN = 0.4
"""Mean of a vector above which it multiplies, as those of norms do; below, it adds."""
SAME = "its values are the same, bit for bit"


def propose(
    source: Mapping[str, Tensor], target: Mapping[str, Tensor], *, shares_values: bool = True
) -> Proposal:
    """Which tensors of a model are made of which of another that computes the same.

    Where values are the same they decide. What they leave is paired by shapes, by the tree of
    modules, by words in names and by what values look like; what nothing tells apart is listed as
    ambiguous.

    Args:
        source: Tensors by name, in the order of the model.
        target: Those of the other; of tensors on the device `meta` only shapes are known.
        shares_values: Whether the target may hold the source's values. If not, its own show what
            such tensors look like before training.
    """
    by_value = _by_value(source, target) if shares_values else ()
    taken = {s for row in by_value for s in row.recipe.sources}
    given = {t for row in by_value for t in row.recipe.targets}
    rest = _Structure(
        source=source,
        target=target,
        known=by_value,
        free_sources=tuple(name for name in source if name not in taken),
        free_targets=tuple(name for name in target if name not in given),
        blind=bool(by_value),
    )
    rows = (*by_value, *rest.rows)
    taken |= {s for row in rest.rows for s in row.recipe.sources}
    given |= {t for row in rest.rows for t in row.recipe.targets}
    return Proposal(
        rows=rows,
        ambiguous=rest.ambiguous,
        unmatched_sources=tuple(name for name in source if name not in taken),
        unmatched_targets=tuple(name for name in target if name not in given),
    )


# Values


def _by_value(source: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> tuple[Match, ...]:
    """Tensors whose values say what they are; none where the two models share no values."""
    known = {name: tensor for name, tensor in target.items() if values.is_known(tensor)}
    whole = _equal(source, known)
    if not any(values.is_telling(source[s]) for s, _ in whole):
        return ()
    rows = [_match(Recipe(sources=(s,), targets=(t,)), SAME) for s, t in whole]
    for find in (values.turned, values.parts):
        left = _left(source, known, rows)
        for recipe in find(*left):
            rows.append(_match(recipe, f"{SAME}, {_words(recipe)}"))
            rows += [
                _match(beside, f"{SAME}, {_words(beside)}")
                for beside in values.alike(recipe, *left)
            ]
        rows = list({row.recipe.targets: row for row in rows}.values())
    return tuple(rows)


def _match(recipe: Recipe, evidence: str) -> Match:
    return Match(recipe=recipe, evidence=evidence, by_value=True)


def _words(recipe: Recipe) -> str:
    turned = "transposed" if recipe.axes else ""
    order = "in another order" if recipe.order else ""
    joined = "joined" if len(recipe.sources) > 1 else "cut" if len(recipe.targets) > 1 else ""
    return " and ".join(word for word in (turned, joined, order) if word)


def _left(
    source: Mapping[str, Tensor], target: Mapping[str, Tensor], rows: Iterable[Match]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    rows = tuple(rows)
    taken = {name for row in rows for name in row.recipe.sources}
    given = {name for row in rows for name in row.recipe.targets}
    return (
        {name: tensor for name, tensor in source.items() if name not in taken},
        {name: tensor for name, tensor in target.items() if name not in given},
    )


def _equal(source: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> list[tuple[str, str]]:
    """Pairs of equal tensors; of several that are equal, whichever go best together."""
    shapes = {tuple(tensor.shape) for tensor in target.values()}
    found: dict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for side, tensors in enumerate((source, target)):
        for name, tensor in tensors.items():
            if tuple(tensor.shape) in shapes:
                found[values.digest(tensor)][side].append(name)
    single = [(s[0], t[0]) for s, t in found.values() if len(s) == len(t) == 1]
    several = [both for both in found.values() if all(both) and sum(map(len, both)) > 2]
    kinds = [_alone(tensors) for tensors in (source, target)]
    classes = [([kinds[0][s] for s in s_], [kinds[1][t] for t in t_]) for s_, t_ in several]
    scores = Scores(tuple(kinds[1].values()), lambda _: None)
    known = {kinds[0][s]: kinds[1][t] for s, t in single}
    pairs = pair_kinds(classes, scores, known)
    return [*single, *((s.names[0], t.names[0]) for s, t in pairs.items())]


def _alone(tensors: Mapping[str, Tensor]) -> dict[str, Kind]:
    """Each tensor as a kind of its own."""
    return {
        name: Kind(
            pattern=name,
            names=(name,),
            shapes=(tuple(tensor.shape),),
            ranks=((),),
            place=place,
            is_numbered=True,
        )
        for place, (name, tensor) in enumerate(tensors.items())
    }


# Structure


@dataclass(frozen=True, kw_only=True)
class _Structure:
    """What values leave open."""

    source: Mapping[str, Tensor]
    target: Mapping[str, Tensor]
    known: Sequence[Match]
    free_sources: tuple[str, ...]
    free_targets: tuple[str, ...]
    blind: bool
    """Whether tensors whose values are known on both sides are no pair, as they differ."""

    @cached_property
    def kinds(self) -> tuple[tuple[Kind, ...], tuple[Kind, ...]]:
        """Those of both sides; each tensor is its own where values said of others what they are."""
        sides = ((self.source, self.free_sources), (self.target, self.free_targets))
        if self.blind:
            alone = [_alone(tensors) for tensors, _ in sides]
            ours, theirs = (
                tuple(kinds[name] for name in free)
                for kinds, (_, free) in zip(alone, sides, strict=True)
            )
            return ours, tuple(k for k in theirs if not values.is_known(self.target[k.names[0]]))
        ours, theirs = (kinds_of(upright(_shapes(tensors))) for tensors, _ in sides)
        return merge_stacks(ours, theirs), theirs

    @cached_property
    def lying(self) -> tuple[frozenset[str], frozenset[str]]:
        """The matrices of both sides that lie transposed, as far as that is known."""
        if self.blind:
            return frozenset(), frozenset()
        return lying(_shapes(self.source)), lying(_shapes(self.target))

    @cached_property
    def scores(self) -> Scores:
        """What is known of each pair."""
        return Scores(self.kinds[1], self._maybe_gain)

    @cached_property
    def sure(self) -> dict[Kind, Kind]:
        """What values said, for the neighbours."""
        alone = [_alone(tensors) for tensors in (self.source, self.target)]
        return {
            alone[0][row.recipe.sources[0]]: alone[1][row.recipe.targets[0]] for row in self.known
        }

    @cached_property
    def pairs(self) -> dict[Kind, Kind]:
        """Kinds of the same shapes."""
        return pair_kinds(self._classes(()), self.scores, self.sure)

    @cached_property
    def fusions(self) -> tuple[Fusion, ...]:
        """Kinds of other shapes, several of which make up one."""
        if self.blind:
            return ()
        ours, theirs = self.kinds
        theirs = tuple(kind for kind in theirs if kind.names[0] not in self.lying[1])
        votes = Votes(
            [*self.sure.items(), *pair_kinds(_sure(ours, theirs), self.scores, {}).items()]
        )
        cut = tuple(cut_kinds(ours, theirs, self.scores, votes))
        taken = {kind for fusion in cut for kind in fusion.targets}
        left = [kind for kind in theirs if kind not in taken]
        return (*cut, *joined_kinds(ours, left, self.scores, votes))

    @cached_property
    def final(self) -> dict[Kind, Kind]:
        """Kinds of the same shapes, without those that make up others."""
        return pair_kinds(self._classes(self.fusions), self.scores, self.sure)

    @property
    def rows(self) -> tuple[Match, ...]:
        """All that is proposed."""
        return (*self._plain(), *self._fused())

    @cached_property
    def ambiguous(self) -> tuple[Ambiguity, ...]:
        """What nothing tells apart."""
        open_parts = exchangeable(self.final, self.scores, self.sure)
        return (
            *map(_open, open_parts),
            *_unordered(fusion for fusion in self.fusions if not fusion.is_told),
            *self._uncounted(),
        )

    def _classes(self, fusions: Iterable[Fusion]) -> Classes:
        taken = {kind for fusion in fusions for kind in (*fusion.sources, *fusion.targets)}
        ours, theirs = ([k for k in kinds if k not in taken] for kinds in self.kinds)
        return classes_of(ours, theirs)

    def _plain(self) -> Iterator[Match]:
        classes = {k: len(s) for s, _ in self._classes(self.fusions) for k in s}
        votes = Votes([*self.sure.items(), *self.final.items()])
        for source, target in self.final.items():
            evidence = self._evidence(source, target, classes[source], votes)
            for s, t in zip(source.names, target.names, strict=True):
                turned = (s in self.lying[0]) != (t in self.lying[1])
                yield Match(
                    recipe=Recipe(sources=(s,), targets=(t,), axes=(0, 1) if turned else None),
                    evidence=f"transposed, as its bias shows; {evidence}" if turned else evidence,
                )

    def _fused(self) -> Iterator[Match]:
        for fusion in self.fusions:
            told = "its name tells their order" if fusion.is_told else "in the order of the names"
            for layer in range(len(fusion.sources[0].names)):
                yield Match(
                    recipe=Recipe(
                        sources=tuple(kind.names[layer] for kind in fusion.sources),
                        targets=tuple(kind.names[layer] for kind in fusion.targets),
                        axes=(0, 1) if fusion.sources[0].names[layer] in self.lying[0] else None,
                    ),
                    evidence=f"shapes add up, {told}",
                )

    def _evidence(self, source: Kind, target: Kind, rivals: int, votes: Votes) -> str:
        shape = " x ".join(map(str, source.shapes[0])) or "one number"
        said = [f"the only one of shape {shape}"] if rivals == 1 else []
        likeness = self.scores.likeness(source, target)
        if likeness == 1:
            said.append("called the same")
        elif likeness > 0.15:
            said.append(f"called alike ({likeness:.0%})")
        if self.scores.gain(source, target) == 1:
            said.append("values around one" if self._maybe_gain(target.names[0]) else "around zero")
        if votes.around(source.above[:-1], target.above[:-1], Votes([(source, target)])) > 0.5:
            said.append("its neighbours go there")
        return "; ".join(said) or "by its place in the file alone"

    def _uncounted(self) -> Iterator[Ambiguity]:
        """Layers whose names do not say their order."""
        loose = [
            pair for pair in self.final.items() if not pair[0].is_numbered and pair[1].ranks[1:]
        ]
        if loose:
            source, target = loose[0]
            yield Ambiguity(
                targets=target.names,
                sources=source.names,
                because="names do not number these layers; taken in the order of the file, with "
                "all that is beside them",
            )

    def _maybe_gain(self, name: str) -> bool | None:
        side = self.source if name.startswith("<") else self.target
        tensor = side[name.removeprefix("<")]
        if not values.is_known(tensor) or not tensor.is_floating_point():
            return None
        return bool(tensor.double().mean() > GAIN_MEAN)


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _sure(ours: Sequence[Kind], theirs: Sequence[Kind]) -> Classes:
    return [both for both in classes_of(ours, theirs) if len(both[0]) == len(both[1])]


def _open(parts: Sequence[Part]) -> Ambiguity:
    return Ambiguity(
        targets=tuple(part.path for part in parts),
        sources=tuple(part.source_path for part in parts),
        because="nothing tells these apart",
        parts=tuple(
            tuple(name for key in sorted(part.inside) for name in part.inside[key].names)
            for part in parts
        ),
    )


def _unordered(fusions: Iterable[Fusion]) -> Iterator[Ambiguity]:
    """What of a module is cut into parts of the same modules is in one order."""
    beside: dict[object, list[Fusion]] = defaultdict(list)
    for fusion in fusions:
        modules = [tuple(k.above[0] for k in kinds) for kinds in (fusion.sources, fusion.targets)]
        beside[tuple(modules)].append(fusion)
    for together in beside.values():
        parts = zip(*(fusion.targets for fusion in together), strict=True)
        yield Ambiguity(
            targets=tuple(kind.pattern for fusion in together for kind in fusion.targets),
            sources=tuple(kind.pattern for fusion in together for kind in fusion.sources),
            because="nothing tells in which order they are joined",
            parts=()
            if len(together[0].targets) == 1
            else tuple(tuple(name for kind in part for name in kind.names) for part in parts),
        )
