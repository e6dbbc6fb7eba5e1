"""States inside a model's state, which training keeps beside the weights, such as a teacher's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from toolkit.checkpoint.archive import read_archive
from toolkit.checkpoint.plain_files import open_plain
from toolkit.checkpoint.reader import Checkpoint
from toolkit.checkpoint.tensors import make_views, read_tensors
from toolkit.checkpoint.values import TensorRef

if TYPE_CHECKING:
    from torch import Tensor


def read_nested(checkpoint: Checkpoint) -> dict[str, dict[str, Tensor]]:
    """The states among the entries of the model that are no tensors, by name; others are left out.

    Raises:
        BadInput: the file changed since it was opened, or a tensor lies outside of it.
    """
    if not checkpoint.non_tensors:
        return {}
    label = str(checkpoint.path)
    with checkpoint.opened(), open_plain(checkpoint.path) as file:
        archive = read_archive(file, label=label)
        model = archive.root["model"] if isinstance(archive.root, dict) else {}
        return {
            name: read_tensors(file, make_views(state, archive.storages, label=label), label=label)
            for name, value in model.items()
            if (state := _state(value))
        }


def _state(value: object) -> Mapping[str, TensorRef]:
    """The tensors of a state; none where it is none."""
    items = value.items() if isinstance(value, dict) else ()
    refs = {k: ref for k, ref in items if isinstance(k, str) and isinstance(ref, TensorRef)}
    return refs if len(refs) == len(items) else {}
