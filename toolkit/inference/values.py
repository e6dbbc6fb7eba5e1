"""Tensors that hold the same values, bit for bit: as they are, turned, in parts, or reordered."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import TYPE_CHECKING

from toolkit.checkpoint.recipes import Recipe

if TYPE_CHECKING:
    from torch import Tensor

Load = Callable[[str], "Tensor"]
FEWEST = 8
"""Elements of a tensor whose values alone say which it is."""


def digest(tensor: Tensor) -> str:
    """What tells a tensor's shape and values from others'; zero has one sign."""
    import torch

    values = (tensor.detach().to("cpu", torch.float64) + 0.0).contiguous()
    said = f"{tuple(tensor.shape)}".encode()
    return hashlib.sha256(said + values.numpy().tobytes()).hexdigest()


def is_known(tensor: Tensor) -> bool:
    """Whether it has values, and not a shape alone."""
    return not tensor.is_meta


def is_telling(tensor: Tensor) -> bool:
    """Whether its values are so many different ones that nobody else has them by chance."""
    return tensor.numel() >= FEWEST and len(set(tensor.flatten()[:1024].tolist())) >= FEWEST


def turned(sources: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Iterator[Recipe]:
    """Matrices that the other side holds transposed, each found once."""
    wanted: dict[str, list[str]] = defaultdict(list)
    for name, tensor in targets.items():
        if tensor.dim() > 1 and tensor.numel() >= FEWEST:
            wanted[digest(tensor)].append(name)
    for name, tensor in sources.items():
        for axes in combinations(range(tensor.dim()), 2):
            found = wanted.get(digest(tensor.transpose(*axes)), [])
            if len(found) == 1:
                yield Recipe(sources=(name,), targets=(found[0],), axes=axes)
                break


@dataclass(frozen=True)
class Rows:
    """The rows of tensors, each known by its values."""

    of: Mapping[bytes, tuple[str, int]]
    """Where each lies that lies in one place."""
    counts: Mapping[str, int]
    """How many each tensor has."""


def rows_of(tensors: Mapping[str, Tensor]) -> Rows:
    """The rows of tensors, those left out that two have."""
    found: dict[bytes, list[tuple[str, int]]] = defaultdict(list)
    for name, tensor in tensors.items():
        for row, key in enumerate(_keys(tensor)):
            found[key].append((name, row))
    return Rows(
        {key: places[0] for key, places in found.items() if len(places) == 1},
        {name: tensor.shape[0] for name, tensor in tensors.items()},
    )


def parts(sources: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Iterator[Recipe]:
    """Tensors that are made of rows of one or several: cut, joined, or in another order."""
    ours = {name: t for name, t in sources.items() if t.dim() > 0}
    known = rows_of({name: t for name, t in targets.items() if t.dim() > 0})
    for name, tensor in ours.items():
        places = [known.of.get(key) for key in _keys(tensor)]
        recipe = _cut(name, places, known.counts)
        if recipe is not None:
            yield recipe
    own = rows_of(ours)
    for name, tensor in targets.items():
        if tensor.dim() > 0:
            places = [own.of.get(key) for key in _keys(tensor)]
            recipe = _joined(name, places, own.counts)
            if recipe is not None:
                yield recipe


def _keys(tensor: Tensor) -> list[bytes]:
    import torch

    values = (tensor.detach().to("cpu", torch.float64) + 0.0).contiguous()
    return [hashlib.sha256(row.numpy().tobytes()).digest() for row in values]


def _cut(
    name: str, places: Sequence[tuple[str, int] | None], counts: Mapping[str, int]
) -> Recipe | None:
    """A tensor whose rows are those of whole others, in some order."""
    if None in places or not places:
        return None
    found = [place for place in places if place is not None]
    targets = tuple(dict.fromkeys(target for target, _ in sorted(found, key=_by_first(found))))
    sizes = {counts[target] for target in targets}
    whole = len(set(found)) == len(places) == sum(counts[target] for target in targets)
    if len(sizes) > 1 or not whole:
        return None
    at = {place: row for row, place in enumerate(found)}
    order = [at[target, row] for target in targets for row in range(counts[target])]
    return Recipe(sources=(name,), targets=targets, order=_coarse(order))


def _joined(
    name: str, places: Sequence[tuple[str, int] | None], counts: Mapping[str, int]
) -> Recipe | None:
    """A tensor that several others make up, in some order."""
    if None in places or not places:
        return None
    found = [place for place in places if place is not None]
    sources = tuple(dict.fromkeys(source for source, _ in found))
    whole = len(set(found)) == len(places) == sum(counts[source] for source in sources)
    if len(sources) < 2 or not whole:
        return None
    starts, begin = {}, 0
    for source in sources:
        starts[source] = begin
        begin += counts[source]
    return Recipe(
        sources=sources,
        targets=(name,),
        order=_coarse([starts[source] + row for source, row in found]),
    )


def _by_first(found: Sequence[tuple[str, int]]) -> Callable[[tuple[str, int]], int]:
    first: dict[str, int] = {}
    for place, (target, _) in enumerate(found):
        first.setdefault(target, place)
    return lambda place: first[place[0]]


def _coarse(order: Sequence[int]) -> tuple[int, ...]:
    """The same order of as few equal parts as can be; none where nothing moves."""
    rows = len(order)
    for parts in (n for n in range(1, rows + 1) if rows % n == 0):
        size = rows // parts
        starts = [order[part * size] for part in range(parts)]
        whole = all(start % size == 0 for start in starts) and all(
            order[part * size + row] == starts[part] + row
            for part in range(parts)
            for row in range(size)
        )
        if whole:
            return () if parts == 1 else tuple(start // size for start in starts)
    return tuple(order)


def alike(
    recipe: Recipe, sources: Mapping[str, Tensor], targets: Mapping[str, Tensor]
) -> Iterator[Recipe]:
    """The same for neighbours, whatever both sides call them: for biases of weights."""
    ours, theirs = _ends(sources, recipe.sources[0]), _ends(targets, recipe.targets[0])
    for own, wanted in product(ours, theirs):
        changed = replace(
            recipe,
            sources=tuple(_ending(name, own) for name in recipe.sources),
            targets=tuple(_ending(name, wanted) for name in recipe.targets),
            axes=None,
        )
        if _gives(changed, sources, targets):
            yield changed


def _ends(names: Iterable[str], beside: str) -> list[str]:
    """What names end with that stand beside one."""
    return [name.rpartition(".")[2] for name in names if _are_beside(name, beside)]


def _are_beside(name: str, other: str) -> bool:
    return name != other and name.rpartition(".")[0] == other.rpartition(".")[0]


def _ending(name: str, end: str) -> str:
    around, dot, _ = name.rpartition(".")
    return f"{around}{dot}{end}"


def _gives(recipe: Recipe, sources: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> bool:
    if any(s not in sources for s in recipe.sources) or any(
        t not in targets for t in recipe.targets
    ):
        return False
    given = [sources[name] for name in recipe.sources]
    try:
        shape = recipe.shape([tuple(tensor.shape) for tensor in given])
    except ValueError:
        return False
    made = recipe.make(given)
    wanted = [targets[name] for name in recipe.targets]
    return all(
        tuple(t.shape) == shape and m.to(t.dtype).equal(t)
        for m, t in zip(made, wanted, strict=True)
    )
