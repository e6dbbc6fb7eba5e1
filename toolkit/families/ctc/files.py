"""The files beside a CTC checkpoint and in its folder, and what fairseq is built from."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from toolkit.blocks.arguments import read_arguments
from toolkit.blocks.evidence import Derived
from toolkit.blocks.tree import nested
from toolkit.blocks.wav2vec2 import NAMES
from toolkit.blocks.wav2vec2.adapters import OWN
from toolkit.checkpoint import Checkpoint
from toolkit.checkpoint.dictionary import SPECIAL_SYMBOLS, Dictionary, read_dictionary
from toolkit.checkpoint.sets import name_in
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonDict
from toolkit.families.base import Network, Options
from toolkit.families.carried import PREPROCESSOR
from toolkit.families.ctc.model import HEAD, CtcModel
from toolkit.families.fine_tuned import refuse_unmasked
from toolkit.families.sidecars import (
    Named,
    Sidecars,
    dictionary_names,
    find_named_dictionary,
)
from toolkit.families.waveforms import preprocessor_config
from toolkit.folder.languages import Spoken
from toolkit.oracle.tasks.base import LANGUAGES

LABELS = "ltr"
"""What fairseq's recipes call letters, and the last part of their dictionary's name."""
_FIRST = len(SPECIAL_SYMBOLS)


def find_dictionary(checkpoint: Checkpoint, named: Named) -> Path:
    """The dictionary of letters: the one that is named, or by the name that fairseq looks for.

    Raises:
        BadInput: there is none, or files are named that a CTC model has not.
    """
    _refuse_files(named)
    return named.dictionary or _find_beside(checkpoint)


def _refuse_files(named: Named) -> None:
    for option, path in (("--config-yaml", named.config_yaml), ("--spm", named.pieces)):
        if path is not None:
            raise BadInput(
                f"`{option} {path}` must name a file that the checkpoint's task reads, but a "
                "CTC model has letters of a dictionary alone. Leave the option out."
            )


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


def find_symbols(checkpoint: Checkpoint, named: Named) -> Sidecars:
    """The dictionary of letters, beside the checkpoint or of a language inside it.

    Raises:
        BadInput: there is none, or files are named that a CTC model has not.
    """
    if checkpoint.spoken is None or not checkpoint.symbols:
        path = find_dictionary(checkpoint, named)
        return Sidecars(dict_path=path, dictionary=read_dictionary(path))
    _refuse_files(named)
    if named.dictionary is not None:
        raise BadInput(
            f"`--dict {named.dictionary}` must name the dictionary of the checkpoint, but that has "
            "one for each language inside. Leave the option out."
        )
    return Sidecars(dictionary=Dictionary(symbols=checkpoint.symbols[checkpoint.spoken]))


def spoken_of(model: CtcModel, dictionary: Dictionary) -> Spoken | None:
    """The languages that the model has weights for, each with its symbols.

    Raises:
        BadInput: a dictionary does not fit the head of its language.
    """
    if model.checkpoint.spoken is None:
        return None
    held = {name: _symbols_in(model, name, dictionary) for name in model.languages}
    return Spoken(
        dictionaries=held,
        first=model.checkpoint.spoken,
        own=rf".+\.{OWN}\..+|{HEAD}\..+",
        head=f"{HEAD}.",
    )


def _symbols_in(model: CtcModel, language: str, shared: Dictionary) -> Dictionary:
    name = name_in(language, f"{model.ways.head}.weight")
    symbols = model.checkpoint.symbols.get(language, shared.symbols)
    rows = model.facts.shape(name)[0]
    if len(symbols) != rows or symbols[:_FIRST] != SPECIAL_SYMBOLS:
        raise BadInput(
            f"The dictionary of `{language}` must begin with {', '.join(SPECIAL_SYMBOLS)} and have "
            f"{rows} symbols, as {name} has rows, but begins with {', '.join(symbols[:_FIRST])} and "
            f"has {len(symbols)}. Get the checkpoint again from its origin."
        )
    return Dictionary(symbols=symbols)


def refuse_options(options: Options, *, has_languages: bool) -> None:
    """Refuses what says something of a part that a CTC model has not."""
    if options.target_lang is not None and not has_languages:
        raise BadInput(
            f"`--target-lang {options.target_lang}` must choose among several target languages, "
            "but a CTC model writes what it hears. Leave the option out."
        )
    refuse_unmasked(options, "a CTC model")


def config_of(network: Network, checkpoint: Checkpoint, model: CtcModel) -> JsonDict:
    """What `config.json` says."""
    dtypes = Counter(spec.dtype for spec in checkpoint.tensors.values())
    stock = model.stock if model.carried else model.kind
    return {
        "architectures": [f"{NAMES[stock]}ForCTC"],
        "dtype": dtypes.most_common(1)[0][0],
        **nested(network.config),
        **(model.carried.config if model.carried else {}),
    }


def preprocessor_of(normalize: Derived, model: CtcModel) -> JsonDict:
    """What `preprocessor_config.json` says."""
    return {**preprocessor_config(normalize), **(PREPROCESSOR if model.carried else {})}


def reference_files(dictionary: Dictionary, spoken: Spoken | None) -> dict[str, bytes]:
    """What fairseq's task reads: the symbols behind those that every dictionary begins with.

    Where there are several languages, those of each are in one more file, in their order.
    """
    rows = "".join(f"{symbol} 1\n" for symbol in dictionary.symbols[_FIRST:])
    files = {f"dict.{LABELS}.txt": rows.encode()}
    if spoken is not None:
        held = [[name, one.symbols[_FIRST:]] for name, one in spoken.dictionaries.items()]
        first = list(spoken.dictionaries).index(spoken.first)
        files[LANGUAGES] = json.dumps({"first": first, "languages": held}).encode()
    return files
