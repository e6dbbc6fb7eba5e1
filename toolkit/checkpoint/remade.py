"""A checkpoint whose tensors are made of those of the file: joined, cut, put in another order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from toolkit.checkpoint.reader import Checkpoint
from toolkit.checkpoint.recipes import Recipe
from toolkit.checkpoint.renamed import Rename, rename_tensors
from toolkit.checkpoint.tensors import TensorLocation
from toolkit.checkpoint.values import quote
from toolkit.core.errors import BadInput
from toolkit.core.spec import TensorSpec

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Making:
    """One tensor that is made."""

    recipe: Recipe
    output: int
    """Which of the recipe's targets it is."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RemadeCheckpoint(Checkpoint):
    """The same file; tensors that recipes take are gone, and those that they make are there."""

    base: Checkpoint = field(repr=False)
    """The checkpoint without the recipes."""
    makings: Mapping[str, Making] = field(repr=False)
    """By the name of what is made."""

    def load(self, name: str) -> torch.Tensor:
        """See `Checkpoint.load`."""
        if name not in self.makings:
            return super().load(name)
        return self._make(name, self.base.load).contiguous()

    def mapped(self, name: str) -> torch.Tensor:
        """See `Checkpoint.mapped`."""
        if name not in self.makings:
            return super().mapped(name)
        return self._make(name, self.base.mapped)

    def location(self, name: str) -> TensorLocation:
        """Returns where a tensor's values lie; those of one that is made lie in several places."""
        if name not in self.makings:
            return super().location(name)
        first = self.base.location(self.makings[name].recipe.sources[0])
        return replace(first, contiguous=False)

    def stride(self, name: str) -> tuple[int, ...]:
        """See `Checkpoint.stride`.

        Raises:
            BadInput: The tensor is made, and does not lie in the file in one piece.
        """
        if name in self.makings:
            raise BadInput(
                f"`{quote(name)}` must lie in `{self.path}` in one piece to be read by a recorder, "
                f"but is made: {self.makings[name].recipe.origin}. "
                "Leave the recorder out: `toolkit verify` asks fairseq of this environment itself."
            )
        return super().stride(name)

    def stored_dtype(self, name: str) -> str:
        """See `Checkpoint.stored_dtype`."""
        if name not in self.makings:
            return super().stored_dtype(name)
        return self.base.stored_dtype(self.makings[name].recipe.sources[0])

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Returns all tensors, each with memory of its own."""
        return {name: self.load(name) for name in self.tensors}

    def mapped_state_dict(self) -> dict[str, torch.Tensor]:
        """See `Checkpoint.mapped_state_dict`."""
        return {name: self.mapped(name) for name in self.tensors}

    def lying(self, names: Iterable[str]) -> tuple[Checkpoint, tuple[str, ...]]:
        """See `Checkpoint.lying`."""
        made = ((n, self.makings.get(n)) for n in names)
        found = (source for n, m in made for source in ((n,) if m is None else m.recipe.sources))
        return self.base, tuple(dict.fromkeys(found))

    def _make(self, name: str, load: Callable[[str], torch.Tensor]) -> torch.Tensor:
        making = self.makings[name]
        made = making.recipe.make([load(source) for source in making.recipe.sources])
        return self._cast(name, made[making.output])


def as_loaded(checkpoint: Checkpoint) -> Checkpoint:
    """Returns the checkpoint with its file's own tensors, where fairseq makes the others itself."""
    if not isinstance(checkpoint, RemadeCheckpoint):
        return checkpoint
    own = all(making.recipe.is_read_otherwise for making in checkpoint.makings.values())
    return checkpoint.base if own else checkpoint


def taken_apart(checkpoint: Checkpoint) -> dict[str, tuple[Recipe, int]]:
    """Tensors of the file of which fairseq makes others: by what, and as which of its sources."""
    if as_loaded(checkpoint) is checkpoint or not isinstance(checkpoint, RemadeCheckpoint):
        return {}
    recipes = [making.recipe for making in checkpoint.makings.values()]
    return {name: (recipe, at) for recipe in recipes for at, name in enumerate(recipe.sources)}


def remake_tensors(checkpoint: Checkpoint, recipes: Sequence[Recipe]) -> Checkpoint:
    """Returns the checkpoint with the tensors that recipes make of its own, in its order.

    All apply at once: what one makes, no other takes.

    Raises:
        BadInput: A recipe takes a tensor that is not there, two take one, what is made has the name
            of another tensor, or shapes do not fit; all of these in one error.
    """
    problems = [
        *_missing(checkpoint, recipes),
        *_taken_twice(recipes),
        *_clashes(checkpoint, recipes),
    ]
    shapes = {} if problems else _shapes(checkpoint, recipes, problems)
    if problems:
        raise BadInput("\n".join(problems))
    renames = [
        Rename(source=recipe.sources[0], target=recipe.targets[0], origin=recipe.origin)
        for recipe in recipes
        if recipe.is_rename and recipe.sources != recipe.targets
    ]
    renamed = rename_tensors(checkpoint, renames) if renames else checkpoint
    made = [recipe for recipe in recipes if not recipe.is_rename]
    return _remade(renamed, made, shapes) if made else renamed


def _remade(
    base: Checkpoint, recipes: Sequence[Recipe], shapes: Mapping[Recipe, tuple[int, ...]]
) -> RemadeCheckpoint:
    starts = {recipe.sources[0]: recipe for recipe in recipes}
    taken = {source for recipe in recipes for source in recipe.sources}
    specs: dict[str, TensorSpec] = {}
    for name, spec in base.tensors.items():
        made = starts[name].targets if name in starts else () if name in taken else (name,)
        for target in made:
            shape = shapes[starts[name]] if name in starts else spec.shape
            specs[target] = replace(spec, name=target, shape=shape)
    kept = {field.name: getattr(base, field.name) for field in fields(Checkpoint)}
    views = {name: view for name, view in base._views.items() if name not in taken}
    kept |= {"tensors": MappingProxyType(specs), "_views": MappingProxyType(views)}
    makings = {
        target: Making(recipe=recipe, output=output)
        for recipe in recipes
        for output, target in enumerate(recipe.targets)
    }
    return RemadeCheckpoint(**kept, base=base, makings=MappingProxyType(makings))


def _missing(checkpoint: Checkpoint, recipes: Iterable[Recipe]) -> Iterator[str]:
    for recipe in recipes:
        for source in recipe.sources:
            if source not in checkpoint.tensors:
                yield (
                    f"`{recipe.origin}` must take tensors of the checkpoint, but `{quote(source)}` "
                    "is none. Correct the row, or remove it."
                )


def _taken_twice(recipes: Iterable[Recipe]) -> Iterator[str]:
    counts = Counter(source for recipe in recipes for source in recipe.sources)
    for source, count in counts.items():
        if count > 1:
            yield (
                f"`{quote(source)}` must be taken by one row of `make`, but is taken {count} times"
                ". Make the rows exclude each other."
            )


def _clashes(checkpoint: Checkpoint, recipes: Sequence[Recipe]) -> Iterator[str]:
    taken = {source for recipe in recipes for source in recipe.sources}
    made = Counter(target for recipe in recipes for target in recipe.targets)
    made.update(name for name in checkpoint.tensors if name not in taken)
    for name, count in made.items():
        if count > 1:
            yield (
                f"`{quote(name)}` must be the name of one tensor, but {count} would be called so. "
                "Correct the rows of `make`."
            )


def _shapes(
    checkpoint: Checkpoint, recipes: Iterable[Recipe], problems: list[str]
) -> dict[Recipe, tuple[int, ...]]:
    """The shape of what each recipe makes; those that make nothing are problems."""
    found = {}
    for recipe in recipes:
        specs = [checkpoint.tensors[source] for source in recipe.sources]
        try:
            found[recipe] = recipe.shape([spec.shape for spec in specs])
            if len({spec.dtype for spec in specs}) > 1:
                raise ValueError("joins tensors of several dtypes")
        except ValueError as problem:
            problems.append(
                f"`{recipe.origin}` must make tensors of those that it takes, but {problem}. "
                "Correct the row."
            )
    return found
