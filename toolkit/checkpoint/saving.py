"""Writes a fairseq checkpoint as fairseq does: plain dicts, in torch's format."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.core.json import JsonDict

if TYPE_CHECKING:
    from torch import Tensor

BOOKKEEPING: JsonDict = {
    "criterion_name": "none",
    "optimizer_name": "none",
    "lr_scheduler_state": {"best": None},
    "num_updates": 0,
}
"""What fairseq asks of the last optimizer of a file when it opens it."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """What a checkpoint is to hold."""

    settings: Mapping[str, object]
    """`args` and `cfg` as plain data."""
    tensors: Mapping[str, Tensor]
    """By fairseq's names, in the file's order; each is asked for once, when it is written."""


def save_checkpoint(path: Path, written: Written) -> None:
    """Writes a new file that fairseq opens.

    Tensors that are mapped from other files pass through memory page by page; those that are
    computed stay in it until the file is whole.

    Source: `torch_persistent_save` and `_upgrade_state_dict` in `fairseq/checkpoint_utils.py`.

    Raises:
        OSError: it cannot be written.
    """
    import torch

    content = {
        "args": _as_namespace(written.settings.get("args")),
        "cfg": written.settings.get("cfg"),
        "model": dict(written.tensors),
        "criterion": None,
        "optimizer_history": [dict(BOOKKEEPING)],
        "task_state": {},
        "extra_state": {"epoch": 0, "train_iterator": {"epoch": 1, "iterations_in_epoch": 0}},
        "last_optimizer_state": None,
    }
    with path.open("xb") as file:
        torch.save(content, file)


def _as_namespace(args: object) -> object:
    """Arguments as fairseq kept them before it had groups of them, those of other models inside."""
    if not isinstance(args, Mapping):
        return args
    return Namespace(**{n: _as_namespace(v) if _is_of_model(v) else v for n, v in args.items()})


def _is_of_model(value: object) -> bool:
    """Whether it is one flat mapping of a model's arguments, as namespaces are told."""
    if not isinstance(value, Mapping) or "arch" not in value:
        return False
    return not any(isinstance(value.get(group), Mapping) for group in ("model", "task"))
