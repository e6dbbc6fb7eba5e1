"""What a checkpoint holds that is made of a folder, in the way of another checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.checkpoint import Checkpoint
from toolkit.checkpoint.saving import Written
from toolkit.core.coverage import Reason
from toolkit.core.errors import BadInput
from toolkit.core.lazy import LazyTensors
from toolkit.folder.held import Held, hold
from toolkit.folder.plain_json import read_json
from toolkit.mapping import Inverse, Plan, invert_plan
from toolkit.pipeline.prepare import Prepared

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Return:
    """A checkpoint that is to be written, and what is to stand beside it."""

    written: Written
    num_bytes: int
    """Size of all values."""
    beside: tuple[Path, ...]
    """Files that are copied under their names."""
    kept: tuple[Reason, ...]
    """Tensors that the folder does not hold, and where they come from."""


def return_of(like: Prepared, folder: Path) -> Return:
    """What becomes of a folder.

    Args:
        like: A checkpoint of the same model, prepared for the folder's classes.
        folder: The folder, which `check_folder` admitted.

    Raises:
        BadInput: the folder holds something that a checkpoint of this model cannot.
    """
    _expect_expressible(like, folder)
    plan, checkpoint = like.proof, like.checkpoint
    inverse = invert_plan(plan)
    held = _held(folder, plan)
    held.expect(plan.targets, checkpoint.path)
    _expect_as_made(inverse, held, plan)
    tensors = LazyTensors(dict(_loaders(inverse, held, checkpoint)))
    return Return(
        written=Written(settings=checkpoint.settings, tensors=tensors),
        num_bytes=sum(checkpoint.tensors[name].num_bytes for name in tensors),
        beside=like.sidecars.paths,
        kept=tuple(_kept(inverse, checkpoint)),
    )


def _expect_expressible(like: Prepared, folder: Path) -> None:
    """Refuses what this does not do yet, and folders in classes that mean something else."""
    path = like.checkpoint.path
    if like.checkpoint.spoken is not None:
        raise BadInput(
            f"`{path}` must be a checkpoint of one language to be written again, but has weights "
            "for several, which `toolkit export` does not write. Nothing was written."
        )
    if like.network.misfits:
        said = "; ".join(str(misfit.because) for misfit in like.network.misfits)
        raise BadInput(
            f"`{folder}` must be in classes that hold what `{path}` holds, but is in others: "
            f"{said}. Name a checkpoint of the same model with `--like`."
        )


def _held(folder: Path, plan: Plan) -> Held:
    config = read_json(folder / "config.json")
    assert isinstance(config, dict)
    twins = {tie.target_twin: tie.target for tie in plan.ties}
    twins |= {tie.target: tie.target_twin for tie in plan.ties}
    return hold(folder, config, {name: twins.get(name) for name in plan.targets})


def _expect_as_made(inverse: Inverse, held: Held, plan: Plan) -> None:
    """Refuses a folder whose training changed what a conversion adds and fairseq does without."""
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


def _loaders(
    inverse: Inverse, held: Held, like: Checkpoint
) -> Iterator[tuple[str, Callable[[], Tensor]]]:
    for name in like.tensors:
        recovery = inverse.recovered.get(inverse.twins.get(name, name))
        if recovery is None:
            yield name, partial(like.mapped, name)
        else:
            yield name, partial(recovery.recover, held.tensors.__getitem__)


def _kept(inverse: Inverse, like: Checkpoint) -> Iterator[Reason]:
    for reason in inverse.gone:
        yield Reason(name=reason.name, because=f"as in {like.path.name}: {reason.because}")
