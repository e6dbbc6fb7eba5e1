"""A family's model without a checkpoint's weights, and a fork's own model with them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.core.errors import BadInput
from toolkit.families.blank import Blank
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.pipeline.installed import INSTALL_HINT, fairseq_is_installed
from toolkit.pipeline.reference import BUILDING, import_all

if TYPE_CHECKING:
    from torch import Tensor

    from toolkit.oracle.asking import AnyModel


@dataclass(frozen=True)
class Builder:
    """Builds models of fairseq in a folder with what its tasks read."""

    folder: str
    what: str
    """The checkpoint, as errors name it."""

    def family(self, blank: Blank) -> AnyModel:
        """The family's model, with the weights that fairseq starts training with.

        Raises:
            BadInput: fairseq cannot build one of the checkpoint's arguments.
        """
        return self._open(
            blank, {}, f"have arguments that fairseq builds `{blank.architecture}` of"
        )

    def fork(self, blank: Blank, weights: Mapping[str, Tensor]) -> AnyModel:
        """The model of the fork's own code with the checkpoint's weights.

        Raises:
            BadInput: the code builds none that takes them.
        """
        must = "be a checkpoint that the fork's own code loads"
        try:
            return self._open(blank, weights, must)
        except BadInput:  # it may hold more than the model has
            own = self._open(blank, {}, must).model.state_dict()
            return self._open(blank, weights, must, dropped=set(weights) - set(own))

    def _open(
        self,
        blank: Blank,
        weights: Mapping[str, Tensor],
        must: str,
        dropped: Collection[str] = (),
    ) -> AnyModel:
        from toolkit.oracle.tasks import open_task

        # A folder for each: what lies there tells a task which kind of model it is.
        place = Path(tempfile.mkdtemp(dir=self.folder))
        for name, content in blank.files.items():
            if isinstance(content, Path):
                shutil.copyfile(content, place / name)
            else:
                (place / name).write_bytes(content)
        try:
            return open_task(blank.task, blank.settings, weights, str(place), dropped=dropped)
        except BUILDING as error:
            said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            raise BadInput(
                f"`{self.what}` must {must}, but {said}. Name the right family with `--like`, or "
                "the fork's code with `--user-dir`."
            ) from error


@contextmanager
def building(what: Path, user_dir: Path | None) -> Iterator[Builder]:
    """Builds models while the context lasts, quietly.

    Args:
        what: The checkpoint.
        user_dir: Folder of a fork's own models.

    Raises:
        BadInput: fairseq is not installed, or the fork's code cannot be imported.
    """
    if not fairseq_is_installed():
        raise BadInput(
            "`fairseq` must be installed to say which tensors a family's model has, but is not. "
            f"Install it with `{INSTALL_HINT}`."
        )
    with tempfile.TemporaryDirectory(prefix="toolkit-data-") as folder, quiet_fairseq():
        import_all(user_dir)
        yield Builder(folder, str(what))
