"""Saves a loaded folder as its users do, without a second copy of weights that it holds already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.folder.safe_copy import stand_for
from toolkit.folder.shards import FILE_NAME
from toolkit.folder.view import FolderView
from toolkit.folder.weight_files import SAFE, StoredTensors
from toolkit.oracle.pages import let_go
from toolkit.oracle.places import Places
from toolkit.replay.target import quiet_transformers

if TYPE_CHECKING:
    from torch import Tensor

    from toolkit.tasks.speech.target import HearingTarget

SHARD = "500MB"
"""Largest file that is written: each is in memory as a whole meanwhile."""
WHOLE = 1 << 62
"""Bytes that no model has."""
WRITER = "safe_save_file"
"""What transformers calls the function that writes its files of weights."""


@dataclass(frozen=True, kw_only=True)
class _Written:
    """A file of weights that transformers would have written."""

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str] | None


def save(target: HearingTarget, folder: Path) -> None:
    """Saves the model and what is beside it.

    Where transformers would write a file of weights that holds what the folder's own one does, the
    same tensors under the same names bit for bit, a link to that stands for it: writing takes as
    long as two passes of a large model. Any other is written.

    Raises:
        Exception: whatever transformers raises.
    """
    with quiet_transformers():
        let_go()
        if not _maybe_linked(target, folder):
            target.model.save_pretrained(folder, max_shard_size=SHARD)
        for part in target.saved_beside:
            part.save_pretrained(folder)


def _maybe_linked(target: HearingTarget, folder: Path) -> bool:
    """Saves the model but for its weights, where a link can stand for them; says whether it did."""
    from transformers import modeling_utils

    original = _maybe_only_file(target.view)
    if original is None or not hasattr(modeling_utils, WRITER):
        return False
    with _kept_from_writing() as files:
        target.model.save_pretrained(folder, max_shard_size=WHOLE)
    if len(files) != 1 or not _is_same(files[0], target.view.tensors, original):
        return False
    stand_for(folder / FILE_NAME, original)
    return True


def _maybe_only_file(view: FolderView) -> Path | None:
    files = view.tensors.files if isinstance(view.tensors, StoredTensors) else frozenset()
    only = next(iter(files)) if len(files) == 1 else None
    return only.resolve() if only is not None and only.suffix == SAFE else None


@contextmanager
def _kept_from_writing() -> Iterator[list[_Written]]:
    """Has transformers write no weights while the context lasts; the files that it would have."""
    from transformers import modeling_utils

    files: list[_Written] = []

    def keep(
        tensors: Mapping[str, Tensor], _: object, metadata: Mapping[str, str] | None = None
    ) -> None:
        files.append(_Written(tensors=tensors, metadata=metadata))

    members = vars(modeling_utils)
    write = members[WRITER]
    members[WRITER] = keep
    try:
        yield files
    finally:
        members[WRITER] = write


def _is_same(file: _Written, stored: Mapping[str, Tensor], original: Path) -> bool:
    from safetensors import safe_open

    with safe_open(original, framework="pt") as opened:
        if file.tensors.keys() != stored.keys() or file.metadata != opened.metadata():
            return False
    # The file is mapped when the first of its tensors is asked for, and stays so.
    first = {name: stored[name] for name in [*stored][:1]}
    places = Places()
    return all(
        _are_same(tensor, first.get(name, stored[name]), places)
        for name, tensor in file.tensors.items()
    )


def _are_same(one: Tensor, other: Tensor, places: Places) -> bool:
    import torch

    if places.are_one(one, other):
        return True
    if one.shape != other.shape or one.dtype != other.dtype or one.device != other.device:
        return False
    let_go()
    return torch.equal(_bytes(one), _bytes(other))


def _bytes(tensor: Tensor) -> Tensor:
    import torch

    return tensor.contiguous().reshape(-1).view(torch.uint8)
