"""What a checkpoint file holds once for each language: sets of tensors, and symbols to write with.

fairseq's multilingual files have, for each language, `adapter[language]["model"]`, tensors that
take the place of the model's of the same names, and `adapter[language]["task_state"]`, whose
dictionary has the symbols that it writes. Here a language's tensors are called
`adapter[<language>].<name>`, which is the name of no model's.
Source: `examples/speech_recognition/new/infer.py` of fairseq.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from toolkit.checkpoint.values import Opaque, TensorRef, quote
from toolkit.core.errors import BadInput

ENTRY = "adapter"
"""Where the sets stand in a file."""
_OPEN, _CLOSE = f"{ENTRY}[", "]."
MAX_CHARS = 1 << 24
"""Characters of all symbols together, shared ones counted each time; real files have a million."""
_MODEL, _STATE, _DICTIONARY, _SYMBOLS = "model", "task_state", "target_dictionary", "symbols"


@dataclass(frozen=True, kw_only=True)
class Sets:
    """What a file holds for each language, in its order."""

    refs: Mapping[str, TensorRef] = field(default_factory=dict)
    """Tensors under names that begin with that of their language."""
    symbols: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The rows of each language's dictionary, those that every dictionary begins with included;
    none where the file has no dictionary."""


def name_in(language: str, name: str) -> str:
    """What a language's own tensor is called beside the model's."""
    return f"{_OPEN}{language}{_CLOSE}{name}"


def maybe_language(name: str) -> str | None:
    """The language that a tensor belongs to; None for one of the model's."""
    first, found, _ = name.partition(_CLOSE)
    return first.removeprefix(_OPEN) if found and first.startswith(_OPEN) else None


def without_language(name: str) -> str:
    """The name of a language's tensor in the model."""
    return name.partition(_CLOSE)[2] if maybe_language(name) is not None else name


def language_set(name: str) -> str:
    """What the names of a language's tensors begin with; empty for those of the model."""
    language = maybe_language(name)
    return "" if language is None else name_in(language, "").removesuffix(".")


def has_sets(root: Mapping[object, object]) -> bool:
    """Whether a file holds tensors for languages beside its model."""
    entry = root.get(ENTRY)
    values = entry.values() if isinstance(entry, dict) else ()
    return any(isinstance(value, dict) and _MODEL in value for value in values)


def read_sets(root: Mapping[object, object], *, label: str) -> Sets:
    """What the file holds for each language.

    Raises:
        BadInput: an entry is no set of tensors, or symbols are none.
    """
    entry = root.get(ENTRY)
    if not isinstance(entry, dict) or not has_sets(root):
        return Sets()
    refs: dict[str, TensorRef] = {}
    symbols: dict[str, tuple[str, ...]] = {}
    for language, value in entry.items():
        if not isinstance(language, str) or not _is_set(value):
            raise BadInput(
                f"`{label}` must hold tensors by name for each of its languages, but "
                f"`{ENTRY}[{quote(language)}]` is something else. Get the file again from its "
                "origin."
            )
        refs |= {name_in(language, name): ref for name, ref in value[_MODEL].items()}
        symbols[language] = _symbols(value.get(_STATE), f"{label}: {ENTRY}[{quote(language)}]")
    if sum(len(symbol) for rows in symbols.values() for symbol in rows) > MAX_CHARS:
        raise BadInput(
            f"`{label}` must have symbols of at most {MAX_CHARS} characters, but has more. Get the "
            "file again from its origin."
        )
    return Sets(refs=refs, symbols=symbols)


def read_task_symbols(root: Mapping[object, object]) -> tuple[str, ...]:
    """The rows of the dictionary that the task saved; none where there is none that can be read."""
    state = root.get(_STATE)
    return _maybe_rows(state.get(_DICTIONARY) if isinstance(state, dict) else None) or ()


def _is_set(value: object) -> bool:
    model = value.get(_MODEL) if isinstance(value, dict) else None
    return isinstance(model, dict) and all(
        isinstance(name, str) and isinstance(ref, TensorRef) for name, ref in model.items()
    )


def _symbols(state: object, subject: str) -> tuple[str, ...]:
    """The rows of the dictionary in a task's state, which is an object of fairseq's."""
    dictionary = state.get(_DICTIONARY) if isinstance(state, dict) else None
    if dictionary is None:
        return ()
    rows = _maybe_rows(dictionary)
    if rows is not None:
        return rows
    raise BadInput(
        f"`{subject}` must have a dictionary of fairseq's with its symbols, but has none that can "
        "be read. Get the file again from its origin."
    )


def _maybe_rows(dictionary: object) -> tuple[str, ...] | None:
    """The rows of a dictionary, which is an object of fairseq's; None where it is none."""
    held = dictionary.state if isinstance(dictionary, Opaque) else None
    rows = held.get(_SYMBOLS) if isinstance(held, dict) else None
    if isinstance(rows, list) and all(isinstance(row, str) for row in rows):
        return tuple(rows)
    return None
