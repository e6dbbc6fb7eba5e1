"""What a checkpoint holds that is made of a folder, in the way of another checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.checkpoint import Checkpoint
from toolkit.checkpoint.nested import read_nested
from toolkit.checkpoint.recipes import Recipe
from toolkit.checkpoint.remade import as_loaded, taken_apart
from toolkit.checkpoint.renamed import RenamedCheckpoint
from toolkit.checkpoint.saving import LanguageSet, Written
from toolkit.checkpoint.sets import maybe_language, name_in
from toolkit.core.coverage import Reason
from toolkit.core.errors import BadInput
from toolkit.core.lazy import LazyTensors
from toolkit.families.adapters import languages_of
from toolkit.families.originals import task_state_of
from toolkit.families.vocoders import CONFIG, entry_of
from toolkit.folder.held import Held, hold
from toolkit.folder.plain_json import read_json
from toolkit.mapping import Pick, Plan
from toolkit.mapping.inverse import Inverse, invert_plan
from toolkit.pipeline.prepare import Prepared

if TYPE_CHECKING:
    from torch import Tensor

Load = Callable[[], "Tensor"]


@dataclass(frozen=True, kw_only=True)
class Return:
    """A checkpoint that is to be written, and what is to stand beside it."""

    written: Written
    num_bytes: int
    """Size of all values."""
    beside: Mapping[str, bytes | Path]
    """What is to stand beside it, by name; a path stands for its content."""
    kept: tuple[Reason, ...]
    """Tensors that the folder does not hold, and where they come from."""
    opens: str = ""
    """How fairseq opens it, where its loader does not."""


def return_of(like: Prepared, folder: Path) -> Return:
    """What becomes of a folder.

    Args:
        like: A checkpoint of the same model, prepared for the folder's classes.
        folder: The folder, which `check_folder` admitted.

    Raises:
        BadInput: the folder holds something that a checkpoint of this model cannot.
    """
    _expect_expressible(like, folder)
    inverse = invert_plan(like.plan)
    held = held_in(folder, like.plan)
    held.expect(like.plan.targets, f"`{like.checkpoint.path}`")
    expect_as_made(inverse, held, like.plan)
    back = _Back(like=like, inverse=inverse, held=held)
    return Return(
        written=Written(
            settings=like.checkpoint.settings,
            tensors=LazyTensors(dict(back.model())),
            twins=back.twins,
            nested=read_nested(like.checkpoint),
            task_state=task_state_of(like.checkpoint),
            sets={language: back.set_of(language) for language in like.checkpoint.symbols},
            entry=entry_of(like.checkpoint),
        ),
        num_bytes=sum(spec.num_bytes for spec in as_loaded(like.checkpoint).tensors.values()),
        beside=_beside(like),
        kept=tuple(_kept(inverse, like.checkpoint)),
        opens=like.task.kind.words.opens,
    )


@dataclass(frozen=True, kw_only=True)
class _Back:
    """A folder's tensors on their way back."""

    like: Prepared
    inverse: Inverse
    held: Held

    def model(self) -> Iterator[tuple[str, Load]]:
        """The model's tensors, in the order of the checkpoint that they are to be like."""
        apart = taken_apart(self._checkpoint)
        for name in as_loaded(self._checkpoint).tensors:
            if name in apart:
                yield name, partial(self._apart, name, *apart[name])
            elif maybe_language(name) is None:
                yield self._name_in_file(name), self._way(name)

    @property
    def twins(self) -> dict[str, str]:
        """Tensors that are the same as another, by the names in the file."""
        return {self._name_in_file(n): self._name_in_file(t) for n, t in self.inverse.twins.items()}

    def set_of(self, language: str) -> LanguageSet:
        """What takes the place of the model's tensors for one language."""
        prefix = name_in(language, "")
        names = [name for name in self._checkpoint.tensors if name.startswith(prefix)]
        return LanguageSet(
            tensors=LazyTensors({n.removeprefix(prefix): self._recovery(n) for n in names}),
            symbols=self._checkpoint.symbols[language],
        )

    @property
    def _checkpoint(self) -> Checkpoint:
        return self.like.checkpoint

    def _way(self, name: str) -> Load:
        unspoken, spoken = self._checkpoint.unspoken, self._checkpoint.spoken
        if spoken is not None and unspoken is not None:
            if name_in(spoken, name) in self._checkpoint.tensors:
                return partial(unspoken.mapped, name)  # which a language always replaces
        elif spoken is not None:
            rows = [name_in(language, name) for language in languages_of(self._checkpoint)]
            if rows[0] in self._checkpoint.tensors:
                return partial(self._together, name, rows)
        return self._recovery(name)

    def _recovery(self, name: str) -> Load:
        recovery = self.inverse.recovered.get(self.inverse.twins.get(name, name))
        if recovery is None:
            return partial(self._checkpoint.mapped, name)
        return partial(recovery.recover, self.held.tensors.__getitem__)

    def _apart(self, name: str, recipe: Recipe, place: int) -> Tensor:
        """A tensor that fairseq makes another one of.

        The checkpoint's own where the folder still holds what is made of it, to the last bit; else
        one of those that make what the folder holds.
        """
        (target,) = recipe.targets
        held, made = self._recovery(target)(), self._checkpoint.mapped(target)
        if held.dtype == made.dtype and held.equal(made):
            return as_loaded(self._checkpoint).mapped(name)
        return recipe.undo([held], ())[place]

    def _together(self, name: str, rows: list[str]) -> Tensor:
        """A tensor that has one row for each language, or that they have in common.

        Raises:
            BadInput: they should have it in common, and do not.
        """
        import torch

        parts = [self._recovery(row)() for row in rows]
        if isinstance(self.inverse.recovered[rows[0]].op, Pick):
            return torch.cat(parts)
        if not all(part.equal(parts[0]) for part in parts):
            raise BadInput(
                f"`{self.held.folder}` must have one `{name}` for all languages, as "
                f"`{self._checkpoint.path}` has, but has several. No checkpoint of this kind "
                "computes the same."
            )
        return parts[0]

    def _name_in_file(self, name: str) -> str:
        """The name that a fork's own code knows, where the user renamed tensors for the proof."""
        mapping, checkpoint = self.like.mapping, self._checkpoint
        renamed = mapping is not None and mapping.renames
        if renamed and isinstance(checkpoint, RenamedCheckpoint):
            return checkpoint.original_name(name)
        return name


def _expect_expressible(like: Prepared, folder: Path) -> None:
    """Refuses folders in classes that mean something else."""
    if like.network.misfits:
        said = "; ".join(misfit.because for misfit in like.network.misfits)
        raise BadInput(
            f"`{folder}` must be in classes that hold what `{like.checkpoint.path}` holds, but is "
            f"in others: {said}. Name a checkpoint of the same model with `--like`."
        )


def _beside(like: Prepared) -> dict[str, bytes | Path]:
    """The files beside the checkpoint, and those of what its task saved inside, by their names."""
    own = like.sidecars.own_config
    found = {CONFIG if path == own else path.name: path for path in like.sidecars.paths}
    inside = like.checkpoint.task_symbols and like.sidecars.dict_path is None
    return {**found, **(like.task.reference_files if inside else {})}


def held_in(folder: Path, plan: Plan) -> Held:
    """What a folder holds of the targets of a plan."""
    config = read_json(folder / "config.json")
    assert isinstance(config, dict)
    twins = {tie.target_twin: tie.target for tie in plan.ties}
    twins |= {tie.target: tie.target_twin for tie in plan.ties}
    return hold(folder, config, {name: twins.get(name) for name in plan.targets})


def expect_as_made(inverse: Inverse, held: Held, plan: Plan) -> None:
    """Refuses a folder whose training changed what a conversion adds and fairseq does without.

    Raises:
        BadInput: it did.
    """
    changed = [
        name
        for name, filling in inverse.made.items()
        if not _is_made(held.tensors[name], filling.make(plan.targets[name].shape))
    ]
    if changed:
        names = ", ".join(f"`{name}`" for name in changed)
        raise BadInput(
            f"`{held.folder}` must hold in {names} what a conversion put there, as fairseq's model "
            "has no such tensors, but holds other values: it was trained. No checkpoint of fairseq "
            "computes the same; train with these tensors frozen."
        )


def _is_made(found: Tensor, made: Tensor) -> bool:
    return found.equal(made.to(found.dtype))


def _kept(inverse: Inverse, like: Checkpoint) -> Iterator[Reason]:
    for reason in chain(inverse.gone, like.left_out):
        yield Reason(name=reason.name, because=f"as in {like.path.name}: {reason.because}")
