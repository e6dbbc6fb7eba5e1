"""Puts fairseq to work on a checkpoint that we have read."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.core.errors import BadInput
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.pipeline.installed import INSTALL_HINT, fairseq_is_installed
from toolkit.pipeline.prepare import Prepared

if TYPE_CHECKING:
    from toolkit.oracle.asking import AnyModel

BUILDING = (RuntimeError, AttributeError, KeyError, TypeError, ValueError, AssertionError)
"""What fairseq raises where it cannot build a model."""


@contextmanager
def open_reference(
    prepared: Prepared, device: str = "cpu", user_dir: Path | None = None
) -> Iterator[AnyModel]:
    """Fairseq's own model with the checkpoint's weights; quiet while the context lasts.

    Args:
        prepared: The checkpoint.
        device: Where the model runs, in torch's words.
        user_dir: Folder of a fork's own models and tasks.

    Raises:
        BadInput: fairseq is not installed, cannot build this checkpoint, or cannot run it on what
            is asked within the context.
    """
    from toolkit.oracle.refusal import Refusal

    if not fairseq_is_installed():
        raise BadInput(
            "`fairseq` must be installed to prove a conversion, but is not. Install it with "
            f"`{INSTALL_HINT}`, or convert with `--no-verify`."
        )
    with tempfile.TemporaryDirectory(prefix="toolkit-data-") as folder, quiet_fairseq():
        import_all(user_dir)
        _write_data(prepared, Path(folder))
        reference = _build(prepared, folder)
        reference.model.to(device)
        try:
            yield reference
        except Refusal as error:
            raise BadInput(str(error)) from error


def import_all(user_dir: Path | None) -> None:
    """Imports fairseq, and a fork's own code."""
    from toolkit.oracle.mends.imports import import_fairseq
    from toolkit.oracle.recorder import import_user_dir
    from toolkit.oracle.refusal import Refusal

    with quiet_fairseq():
        import_fairseq()
        try:
            import_user_dir(None if user_dir is None else str(user_dir))
        except Refusal as error:
            raise BadInput(str(error)) from error


def _build(prepared: Prepared, folder: str) -> AnyModel:
    from toolkit.oracle.refusal import Refusal
    from toolkit.oracle.tasks import open_task

    dropped = {reason.name for plan in (prepared.plan, prepared.proof) for reason in plan.dropped}
    try:
        return open_task(
            prepared.task.kind.name,
            prepared.task.reference_settings,
            prepared.checkpoint.mapped_state_dict(),
            folder,
            dropped=dropped,
            padding="unmasked" if prepared.task.padding.reference == "unmasked" else "masked",
            tags=prepared.task.contents.language_tags.values(),
        )
    except Refusal as error:
        raise BadInput(str(error)) from error
    except BUILDING as error:
        raise BadInput(
            f"`{prepared.checkpoint.path}` must be a checkpoint that fairseq itself can build, but "
            f"{type(error).__name__}: {_brief(error)}. Convert with `--no-verify`, or prove it "
            "where fairseq builds it."
        ) from error


def _write_data(prepared: Prepared, folder: Path) -> None:
    for name, content in prepared.task.reference_files.items():
        if isinstance(content, Path):
            shutil.copyfile(content, folder / name)
        else:
            (folder / name).write_bytes(content)


def _brief(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
