"""Writes a fairseq checkpoint as fairseq does: plain dicts, in torch's format."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.checkpoint.dictionary import SPECIAL_SYMBOLS
from toolkit.checkpoint.sets import ENTRY
from toolkit.core.errors import BadInput
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

YOUNGER: JsonDict = {
    "beam_mt": 0,
    "lenpen_mt": 1,
    "max_len_a_mt": 0,
    "max_len_b_mt": 200,
    "multi_corpus_keys": None,
    "multi_corpus_sampling_weights": None,
    "post_save_script": None,
    "precompute_mask_config": None,
    "rebuild_batches": True,
    "subsample": 1,
    "target_dictionary": None,
}
"""Settings of tasks that fairseq 0.12.2 refuses, as it does not know them, each with the value that
today's fairseq takes where there is none."""
OF_TRAINING = ("seed",)
"""Another one of tasks, which only another training would ask for."""


@dataclass(frozen=True, kw_only=True)
class LanguageSet:
    """What a checkpoint is to hold of one of its languages; see `toolkit.checkpoint.sets`."""

    tensors: Mapping[str, Tensor]
    """What takes the place of the model's tensors of the same names."""
    symbols: tuple[str, ...]
    """The rows of its dictionary, those that every dictionary begins with included; none without
    one."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """What a checkpoint is to hold."""

    settings: Mapping[str, object]
    """`args` and `cfg` as plain data."""
    tensors: Mapping[str, Tensor]
    """By fairseq's names, in the file's order; each is asked for once, when it is written."""
    twins: Mapping[str, str] = field(default_factory=dict)
    """Names of tensors that are the same as others, each with the other's name."""
    nested: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
    """States inside the model's state."""
    sets: Mapping[str, LanguageSet] = field(default_factory=dict)
    """By language."""
    task_state: JsonDict = field(default_factory=dict)
    """What fairseq's task finds as it left it."""
    entry: str = "model"
    """Where the tensors are; a file with another entry holds nothing beside them."""


def save_checkpoint(path: Path, written: Written) -> None:
    """Writes a new file that fairseq opens.

    Tensors that are mapped from other files pass through memory page by page; those that are
    computed stay in it until the file is whole.

    Source: `torch_persistent_save` and `_upgrade_state_dict` in `fairseq/checkpoint_utils.py`.

    Raises:
        BadInput: dictionaries of languages are to be written, and fairseq is not installed.
        OSError: it cannot be written.
    """
    import torch

    content = _content(written) if written.entry == "model" else {written.entry: _model(written)}
    with path.open("xb") as file, _why():
        torch.save(content, file)


def _content(written: Written) -> JsonDict:
    """What fairseq's trainer saves."""
    content: JsonDict = {
        "args": _as_namespace(written.settings.get("args")),
        "cfg": _as_released(written.settings.get("cfg")),
        "model": {**_model(written), **{n: _own(state) for n, state in written.nested.items()}},
        "criterion": None,
        "optimizer_history": [dict(BOOKKEEPING)],
        "task_state": written.task_state,
        "extra_state": {"epoch": 0, "train_iterator": {"epoch": 1, "iterations_in_epoch": 0}},
        "last_optimizer_state": None,
    }
    if written.sets:
        content[ENTRY] = {language: _language(held) for language, held in written.sets.items()}
    return content


@contextmanager
def _why() -> Iterator[None]:
    """Says why a file lacks something; torch says what it lacks.

    Raises:
        OSError: the system refused to write.
    """
    try:
        yield
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise


def _model(written: Written) -> dict[str, Tensor]:
    """The model's tensors; those that are one are written once."""
    own = [name for name in written.tensors if name not in written.twins]
    made = {name: _alone(written.tensors[name]) for name in own}
    return {name: made[written.twins.get(name, name)] for name in written.tensors}


def _own(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors that lie in storages of their own: torch writes whole storages."""
    return {name: _alone(tensor) for name, tensor in tensors.items()}


def _alone(tensor: Tensor) -> Tensor:
    whole = tensor.contiguous()
    num_bytes = whole.numel() * whole.element_size()
    return whole if whole.untyped_storage().nbytes() == num_bytes else whole.clone()


def _as_namespace(args: object) -> object:
    """Arguments as fairseq kept them before it had groups of them, those of other models inside."""
    if not isinstance(args, Mapping):
        return args
    made = Namespace()
    for name, value in args.items():
        setattr(made, str(name), _as_namespace(value) if _is_of_model(value) else value)
    return made


def _as_released(settings: object) -> object:
    """Groups of settings without what fairseq 0.12.2 refuses and what holds anyway."""
    if not isinstance(settings, Mapping):
        return settings
    kept = {n: v for n, v in settings.items() if n not in YOUNGER or v != YOUNGER[n]}
    said = {name: _as_released(value) for name, value in kept.items()}
    task = said.get("task")
    return {**said, "task": _without_training(task)} if isinstance(task, Mapping) else said


def _without_training(task: Mapping[str, object]) -> JsonDict:
    return {name: value for name, value in task.items() if name not in OF_TRAINING}


def _is_of_model(value: object) -> bool:
    """Whether it is one flat mapping of a model's arguments, as namespaces are told."""
    if not isinstance(value, Mapping) or "arch" not in value:
        return False
    return not any(isinstance(value.get(group), Mapping) for group in ("model", "task"))


def _language(held: LanguageSet) -> JsonDict:
    """A language as fairseq reads it: its dictionary is an object of fairseq's."""
    if not held.symbols:
        return {"model": _own(held.tensors)}
    try:
        from fairseq.data import Dictionary
    except ImportError as error:
        raise BadInput(
            "`fairseq` must be installed to write dictionaries of languages, which are objects of "
            "its own, but is not. `toolkit doctor` says what installs it."
        ) from error
    dictionary = Dictionary()
    for symbol in held.symbols[len(SPECIAL_SYMBOLS) :]:
        dictionary.add_symbol(symbol, overwrite=True)
    return {"model": _own(held.tensors), "task_state": {"target_dictionary": dictionary}}
