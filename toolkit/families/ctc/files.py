"""The files beside a CTC checkpoint and in its folder, and what fairseq is built from."""

from __future__ import annotations

import json
from collections import Counter

from toolkit.blocks.evidence import Derived
from toolkit.blocks.tree import nested
from toolkit.blocks.wav2vec2 import NAMES
from toolkit.blocks.wav2vec2.adapters import OWN
from toolkit.checkpoint import Checkpoint
from toolkit.checkpoint.dictionary import SPECIAL_SYMBOLS, Dictionary
from toolkit.checkpoint.sets import name_in
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonDict
from toolkit.families import letters
from toolkit.families.base import Network
from toolkit.families.carried import carried_preprocessor
from toolkit.families.ctc.model import HEAD, CtcModel
from toolkit.families.letters import find_letters, refuse_files
from toolkit.families.sidecars import Named, Sidecars
from toolkit.folder.languages import Spoken
from toolkit.oracle.tasks.base import LANGUAGES

OWNER = "a CTC model"
"""What errors call it."""
_FIRST = len(SPECIAL_SYMBOLS)


def find_symbols(checkpoint: Checkpoint, named: Named) -> Sidecars:
    """The dictionary of letters, beside the checkpoint or of a language inside it.

    Raises:
        BadInput: there is none, or files are named that a CTC model has not.
    """
    if checkpoint.spoken is None or not checkpoint.symbols:
        return find_letters(checkpoint, named, OWNER)
    refuse_files(named, OWNER)
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
    return carried_preprocessor(normalize, carries_code=model.carried is not None)


def reference_files(dictionary: Dictionary, spoken: Spoken | None) -> dict[str, bytes]:
    """What fairseq's task reads: the symbols behind those that every dictionary begins with.

    Where there are several languages, those of each are in one more file, in their order.
    """
    files = letters.reference_files(dictionary)
    if spoken is not None:
        held = [[name, one.symbols[_FIRST:]] for name, one in spoken.dictionaries.items()]
        first = list(spoken.dictionaries).index(spoken.first)
        files[LANGUAGES] = json.dumps({"first": first, "languages": held}).encode()
    return files
