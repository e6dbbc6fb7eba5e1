"""The task of a folder that is there, by what its proof says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.core.errors import BadInput
from toolkit.tasks import (
    classification,
    ctc,
    features,
    mel_vocoder,
    speech_seq2seq,
    text_seq2seq,
    vocoder,
)
from toolkit.tasks.base import TaskKind

_KINDS = (
    *(speech_seq2seq.TASK, ctc.TASK, features.TASK, classification.TASK),
    *(text_seq2seq.TASK, vocoder.TASK, mel_vocoder.TASK),
)


@dataclass(frozen=True, kw_only=True)
class Described:
    """What is known of a model."""

    task: str
    """As results name it."""
    architecture: str
    """Class name of the Hugging Face model."""
    languages: Sequence[str]
    """In the order of their tags."""
    default_language: str | None


def find_kind(model: Described) -> TaskKind:
    """What such a model is asked.

    Raises:
        BadInput: this version knows no such task.
    """
    kinds = {kind.name: kind for kind in _KINDS}
    if model.task not in kinds:
        raise BadInput(
            f"`task` must be one of {', '.join(kinds)}, but is {model.task!r:.80}. Take the "
            "version of the toolkit that wrote the folder."
        )
    if model.task == ctc.TASK.name and model.languages and model.default_language:
        return ctc.task_of_languages(tuple(model.languages), model.default_language)
    if model.task == features.TASK.name and model.architecture.endswith("ForPreTraining"):
        return features.PRETRAINED
    return kinds[model.task]
