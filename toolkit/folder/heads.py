"""Tensors of a model with heads, as the model without them is loaded from the same folder.

transformers takes the names of the inner model's tensors without what they begin with, and leaves
out the others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from toolkit.core.json import JsonObject
from toolkit.folder.view import maybe_class


def inner_names(
    names: Collection[str], config: JsonObject, wanted: Collection[str]
) -> dict[str, str]:
    """The names that a file's tensors have in the model that is wanted, each with that in the file.

    Args:
        names: Those in the file.
        config: What `config.json` says.
        wanted: Names in the model; nothing changes if the file has one of them.
    """
    prefix = inner_prefix(names, config, wanted)
    return {name.removeprefix(prefix): name for name in names if name.startswith(prefix)}


def head_names(
    names: Collection[str], config: JsonObject, wanted: Collection[str]
) -> tuple[str, ...]:
    """The tensors of a file that are heads around the model that is wanted; see `inner_names`."""
    prefix = inner_prefix(names, config, wanted)
    return tuple(sorted(name for name in names if not name.startswith(prefix)))


def inner_prefix(names: Iterable[str], config: JsonObject, wanted: Collection[str]) -> str:
    """What a file's names of the wanted model's tensors begin with; empty where they are alike."""
    import transformers

    if any(name in wanted for name in names):
        return ""
    found = maybe_class(config)
    if found is None or found not in transformers.MODEL_MAPPING:
        return ""
    prefix = f"{transformers.MODEL_MAPPING[found].base_model_prefix}."
    return prefix if any(name.startswith(prefix) for name in names) else ""
