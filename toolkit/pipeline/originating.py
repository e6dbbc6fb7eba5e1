"""What a checkpoint holds that is made of a folder alone, where no other says how it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.checkpoint.saving import Written
from toolkit.core.coverage import Reason
from toolkit.core.errors import BadInput
from toolkit.core.lazy import LazyTensors
from toolkit.families.originals import Original, Said, maker_of
from toolkit.folder.held import Held, hold, names_in
from toolkit.folder.side_files import CONFIG, read_object
from toolkit.folder.view import FolderView, view_folder
from toolkit.mapping import Plan, Table
from toolkit.mapping.inverse import invert_plan, made_by, plan_back
from toolkit.pipeline.returning import Return, expect_as_made
from toolkit.tasks.ctc.letters import VOCAB

if TYPE_CHECKING:
    from torch import Tensor


def return_alone(folder: Path) -> Return:
    """What becomes of a folder, as far as it tells itself.

    Args:
        folder: The folder.

    Raises:
        BadInput: it is not to be trusted, nothing here knows what it was, or it holds something
            that fairseq's model has no place for.
    """
    view = view_folder(folder)
    names = names_in(folder)
    original = _original(folder, view, names)
    held = hold(folder, view.config, dict.fromkeys(made_by(original.rows, names)))
    held.expect(held.specs(), "fairseq's model")
    plan = plan_back(Table(name=str(folder), rows=original.rows), held.specs())
    inverse = invert_plan(plan)
    expect_as_made(inverse, held, plan)
    return Return(
        written=Written(
            settings=original.settings,
            tensors=LazyTensors(dict(_tensors(original, held, plan))),
            task_state=original.task_state,
        ),
        num_bytes=sum(spec.num_bytes for spec in plan.sources.values()),
        beside=original.files,
        kept=tuple(Reason(name=n, because=lost.because) for n, lost in original.lost.items()),
    )


def _original(folder: Path, view: FolderView, names: tuple[str, ...]) -> Original:
    make = maker_of(view.config)
    try:
        return make(_said(folder, view, names))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(
            f"`{folder / CONFIG}` must describe a model of its class, but its values do not go "
            f"together ({type(error).__name__}: {str(error)[:80]}). Save the model again, or name "
            "a checkpoint of the same model with `--like`."
        ) from error


def _said(folder: Path, view: FolderView, names: tuple[str, ...]) -> Said:
    vocabulary = read_object(folder / VOCAB, [])
    return Said(
        config=view.config,
        normalize=bool(view.preprocessor["do_normalize"]),
        vocabulary={token: row for token, row in vocabulary.items() if type(row) is int},
        names=names,
    )


def _tensors(
    original: Original, held: Held, plan: Plan
) -> Iterator[tuple[str, Callable[[], Tensor]]]:
    for name, recovery in invert_plan(plan).recovered.items():
        yield name, partial(recovery.recover, held.tensors.__getitem__)
    for name, lost in original.lost.items():
        yield name, partial(_zeros, lost.shape)


def _zeros(shape: tuple[int, ...]) -> Tensor:
    import torch

    return torch.zeros(shape)
