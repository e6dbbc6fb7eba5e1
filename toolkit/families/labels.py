"""The labels of a classifier's classes, wherever a checkpoint has them.

Source: `load_target_dictionary` in `fairseq/tasks/audio_classification.py`.
"""

from __future__ import annotations

from toolkit.checkpoint import Checkpoint
from toolkit.checkpoint.dictionary import Dictionary, read_dictionary
from toolkit.core.coverage import Reason
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonDict, JsonObject
from toolkit.families.base import Form
from toolkit.families.sidecars import Named, Sidecars, find_named_dictionary

KINDS = ("lang", "label")
"""What recipes call labels, which is the second part of their dictionary's name."""


def find_labels(checkpoint: Checkpoint, named: Named, task: JsonObject) -> Sidecars:
    """The labels: of the file that is named, of the task's own state, or of a file beside.

    Where there are none the dictionary is empty.

    Args:
        checkpoint: The checkpoint.
        named: The files that the user names.
        task: The arguments of fairseq's task.

    Raises:
        BadInput: a file cannot be read, or is named and of no use.
    """
    because = "a classifier has a dictionary of labels alone"
    named.refuse("config_yaml", "pieces", because=because)
    if named.dictionary is None and checkpoint.task_symbols:
        return Sidecars(dictionary=Dictionary(symbols=checkpoint.task_symbols))
    kinds = (task.get("labels"), *KINDS)
    path = named.dictionary or find_named_dictionary(checkpoint.path.parent, kinds)
    if path is None:
        return Sidecars()
    return Sidecars(dict_path=path, dictionary=read_dictionary(path, begins=()))


def labels_of(
    sidecars: Sidecars, classes: int, rows_of: str, form: Form | None
) -> tuple[tuple[str, ...], tuple[Reason, ...]]:
    """The label of each class, and what of that was assumed.

    Those of a folder on trial count where the checkpoint has none: nothing says that they are wrong.

    Args:
        sidecars: What stands beside the checkpoint.
        classes: How many classes there are.
        rows_of: The tensor that says so.
        form: The folder on trial.

    Raises:
        BadInput: the dictionary has more rows or fewer.
    """
    found = sidecars.dictionary.symbols
    if found and len(found) != classes:
        raise BadInput(
            f"`{sidecars.dict_path or 'the task_state of the checkpoint'}` must give {classes} "
            f"labels, as {rows_of} has rows, but gives {len(found)}. Name the checkpoint's own "
            "dictionary with `--dict`."
        )
    if found:
        return found, ()
    held = () if form is None else form.labels
    known = held if len(held) == classes else tuple(f"LABEL_{i}" for i in range(classes))
    called = "those of the folder" if len(held) == classes else "numbers"
    because = (
        f"no dictionary of labels stands beside the checkpoint or in it, so that its {classes} "
        f"classes are called by {called}; `--dict` names one"
    )
    return known, (Reason(name="labels", because=because),)


def named_classes(labels: tuple[str, ...]) -> JsonDict:
    """What `config.json` says of them."""
    return {
        "id2label": {str(number): label for number, label in enumerate(labels)},
        "label2id": {label: number for number, label in enumerate(labels)},
    }


def label_file(labels: tuple[str, ...]) -> bytes:
    """The dictionary that fairseq's task reads, a row for each label."""
    return "".join(f"{label} 1\n" for label in labels).encode()
