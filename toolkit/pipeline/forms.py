"""Reads off a folder which classes it is written in, and in which language it begins to speak."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from toolkit.bundled import maybe_config_class
from toolkit.checkpoint.sets import maybe_language, without_language
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonObject
from toolkit.core.slips import TOKENIZER_CONFIG
from toolkit.families import Form
from toolkit.folder.languages import language_files
from toolkit.folder.plain_json import read_json
from toolkit.folder.side_files import read_generation
from toolkit.folder.view import parts_of
from toolkit.folder.weight_files import StoredTensors, place_tensors
from toolkit.tasks.ctc.letters import LANGUAGE


def read_form(folder: Path) -> Form | None:
    """The classes that a folder's `config.json` names, or None where it cannot be read."""
    try:
        config = read_json(folder / "config.json")
    except (OSError, ValueError):
        return None
    if not isinstance(config, dict):
        return None
    return replace(form_of(config), parameters=_parameters(folder))


def form_of(config: JsonObject) -> Form:
    """The classes that the content of a `config.json` names."""
    parts = parts_of(config)
    types = {name: _maybe_type(config.get(name)) for name in parts} or {"": _maybe_type(config)}
    own = (_maybe_type(config), *types.values())
    named = config.get("architectures")
    return Form(
        kinds=types,
        architectures=tuple(map(str, named)) if isinstance(named, list) else (),
        labels=_labels(config.get("id2label")),
        carries_code=any(kind is not None and maybe_config_class(kind) is not None for kind in own),
    )


def read_tags(folder: Path) -> Iterator[int | str]:
    """What texts of the folder begin with: the id that generation forces, then a symbol."""
    forced = read_generation(folder, []).get("forced_bos_token_id")
    if isinstance(forced, int):
        yield forced
    try:
        tokenizer: Any = read_json(folder / "tokenizer.json")
        frame = tokenizer["post_processor"]
        first = frame["single"][0]["SpecialToken"]["id"]
        yield str(frame["special_tokens"][first]["tokens"][0])
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return  # a file without such a symbol, which says no language


def maybe_language_of(folder: Path) -> str | None:
    """The language that a folder's tokenizer names, if the model speaks it before it is told to.

    That is: the model holds what the file of that language holds, bit for bit.
    """
    try:
        settings = read_json(folder / TOKENIZER_CONFIG)
        named = settings.get(LANGUAGE) if isinstance(settings, dict) else None
        if not isinstance(named, str) or named not in language_files(folder):
            return None
        return named if _speaks(StoredTensors(place_tensors(folder)), named) else None
    except (OSError, ValueError, BadInput):
        return None  # whoever loads the folder says what is wrong with it


def _speaks(tensors: StoredTensors, language: str) -> bool:
    own = [name for name in tensors if maybe_language(name) == language]
    return all(
        without_language(name) in tensors and tensors[name].equal(tensors[without_language(name)])
        for name in own
    )


def _labels(named: object) -> tuple[str, ...]:
    """The labels of a folder whose classes are numbered without a hole; none of another."""
    held = {str(key): label for key, label in named.items()} if isinstance(named, Mapping) else {}
    found = (held.get(str(number)) for number in range(len(held)))
    labels = tuple(label for label in found if isinstance(label, str))
    return labels if len(labels) == len(held) else ()


def _parameters(folder: Path) -> frozenset[str]:
    try:
        return frozenset(place_tensors(folder))
    except (OSError, BadInput):
        return frozenset()  # whoever loads the folder says what is wrong with it


def _maybe_type(config: Any) -> str | None:
    if not isinstance(config, Mapping):
        return None
    kind = config.get("model_type")
    return kind if isinstance(kind, str) else None
