"""fairseq's task `audio_finetuning`: letters of a dictionary.

Source: `fairseq/tasks/audio_finetuning.py`, and `examples/wav2vec/libri_labels.py`, which writes
the labels.
"""

from __future__ import annotations

from pathlib import Path

from toolkit.blocks.arguments import read_arguments
from toolkit.checkpoint import Checkpoint
from toolkit.checkpoint.dictionary import Dictionary, dictionary_file, read_dictionary
from toolkit.core.errors import BadInput
from toolkit.families.base import Options
from toolkit.families.fine_tuned import refuse_unmasked
from toolkit.families.sidecars import Named, Sidecars, dictionary_names, find_named_dictionary

LABELS = "ltr"
"""What fairseq's recipes call letters, and the last part of their dictionary's name."""


def find_letters(checkpoint: Checkpoint, named: Named, owner: str) -> Sidecars:
    """The dictionary of letters: the one that is named, or by the name that fairseq looks for.

    Args:
        checkpoint: The checkpoint.
        named: What the user names.
        owner: What such a model is called: `a CTC model`.

    Raises:
        BadInput: there is none, or files are named that such a model has not.
    """
    refuse_files(named, owner)
    path = named.dictionary or _find_beside(checkpoint)
    return Sidecars(dict_path=path, dictionary=read_dictionary(path))


def refuse_files(named: Named, owner: str) -> None:
    """Refuses files that a model of letters has not.

    Raises:
        BadInput: one is named.
    """
    because = f"{owner} has letters of a dictionary alone"
    named.refuse("config_yaml", "pieces", because=because)


def _find_beside(checkpoint: Checkpoint) -> Path:
    folder = checkpoint.path.parent
    kinds = (_labels(read_arguments(checkpoint).task.get("labels")), LABELS)
    found = find_named_dictionary(folder, kinds)
    if found is not None:
        return found
    names = dictionary_names(kinds)
    raise BadInput(
        f"The dictionary of letters must stand beside the checkpoint in `{folder}`, but does not "
        f"(looked for: {', '.join(f'`{name}`' for name in names)}). Name it with `--dict`."
    )


def _labels(said: object) -> str:
    """The kind of labels: tasks say one, HuBERT's a list."""
    first = said[0] if isinstance(said, (list, tuple)) and said else said
    return first if isinstance(first, str) and first else LABELS


def refuse_options(options: Options, owner: str, *, has_languages: bool = False) -> None:
    """Refuses what says something of languages or of an adaptor, where a model has none.

    Raises:
        BadInput: an option does.
    """
    if options.target_lang is not None and not has_languages:
        raise BadInput(
            f"`--target-lang {options.target_lang}` must choose among several target languages, "
            f"but {owner} writes what it hears. Leave the option out."
        )
    refuse_unmasked(options, owner)


def reference_files(dictionary: Dictionary) -> dict[str, bytes]:
    """What fairseq's task reads: the symbols behind those that every dictionary begins with."""
    return {f"dict.{LABELS}.txt": dictionary_file(dictionary)}
