"""Faults of the JSON files: one key wrong, absent, or added, as the slips of a folder say.

A key's label is its path, with the name of the file before it for all but `config.json`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from toolkit.bundled import maybe_config_class
from toolkit.core.json import JsonDict, JsonObject
from toolkit.core.slips import CONFIG, GENERATION, PREPROCESSOR, TOKENIZER_CONFIG, Key, Right, Slip
from toolkit.faults.facts import Facts, look_up, read_json
from toolkit.faults.fault import Break, Fault, Truth


def config_faults(facts: Facts) -> Iterator[Fault]:
    """Faults of every file that has slips."""
    for slip in facts.breakable.slips:
        yield from _slip_faults(slip, facts)
    yield from _absent_faults(facts)
    yield from _invented_faults(facts)


def set_key(folder: Path, *, file: str, path: str, value: object) -> None:
    """Gives a key of a JSON file a value."""

    def edit(inner: JsonDict, key: str) -> None:
        inner[key] = value

    _edit_key(folder, file, path, edit)


def remove_key(folder: Path, *, file: str, path: str) -> None:
    """Leaves a key of a JSON file out."""

    def edit(inner: JsonDict, key: str) -> None:
        del inner[key]

    _edit_key(folder, file, path, edit)


def write_json(file: Path, values: JsonObject) -> None:
    """Writes a JSON file as transformers does, but for the order of keys."""
    text = json.dumps(values, indent=2, ensure_ascii=False)
    file.write_text(f"{text}\n", encoding="utf-8")


def label_of(file: str, path: str) -> str:
    """What findings call a key."""
    return path if file == CONFIG else f"{file.removesuffix('.json')}.{path}"


def _edit_key(folder: Path, file: str, path: str, edit: Callable[[JsonDict, str], None]) -> None:
    values = read_json(folder / file)
    *parents, key = path.split(".")
    inner = values
    for parent in parents:
        inner = inner[parent]
    edit(inner, key)
    write_json(folder / file, values)


def _slip_faults(slip: Slip, facts: Facts) -> Iterator[Fault]:
    present, right = _find(slip, facts)
    for value in slip.wrong(right) if present else ():
        label = f"{slip.kind}:{label_of(slip.file, slip.path)}={json.dumps(value)}"
        change = partial(set_key, file=slip.file, path=slip.path, value=value)
        yield _key_fault(label, slip, change)


def _find(slip: Slip, facts: Facts) -> tuple[bool, Right]:
    """Whether the folder has the key, and what is right."""
    values = facts.files[slip.file]
    present, value = look_up(values, slip.path)
    group = slip.path.rpartition(".")[0]
    siblings = look_up(values, group)[1] if group else values
    return present, Right(
        value=value, siblings=siblings or {}, config=facts.config, tags=facts.tags
    )


def _key_fault(name: str, key: Key, break_folder: Break) -> Fault:
    return Fault(
        name=name,
        kind=name.partition(":")[0],
        part=_part(key.file, key.path),
        truth=Truth(
            config_keys=frozenset({label_of(key.file, key.path)}),
            hypotheses=frozenset(key.hypotheses),
            files=frozenset({key.file}),
            noted=key.noted,
        ),
        break_folder=break_folder,
    )


def _part(file: str, path: str) -> str:
    if file == TOKENIZER_CONFIG:
        return "tokenizer"
    if file != CONFIG:
        return f"{file.removesuffix('_config.json')} config"
    return f"{path.partition('.')[0]} config" if "." in path else "model config"


def _absent_faults(facts: Facts) -> Iterator[Fault]:
    """Keys that are left out, where transformers takes another value then."""
    defaults = _defaults(facts)
    for slip in (slip for slip in facts.breakable.slips if slip.absent):
        present, right = _find(slip, facts)
        if present and look_up(defaults[slip.file], slip.path)[1] != right.value:
            kind = "unseen_key_absent" if slip.noted else "key_absent"
            label = f"{kind}:{label_of(slip.file, slip.path)}"
            yield _key_fault(label, slip, partial(remove_key, file=slip.file, path=slip.path))


def _defaults(facts: Facts) -> dict[str, JsonObject]:
    """What transformers takes for a key that is absent; None where it knows no value."""
    import transformers

    named = facts.files.get(PREPROCESSOR, {}).get("feature_extractor_type")
    extractor = getattr(transformers, str(named), None)
    return {
        CONFIG: _model_defaults(facts.config),
        GENERATION: transformers.GenerationConfig().to_dict(),
        PREPROCESSOR: extractor().to_dict() if extractor else {},
    }


def _model_defaults(config: JsonObject) -> JsonDict:
    """The defaults of a model's class; of a model with parts those of every part's."""
    parts = {
        key: _model_defaults(part)
        for key, part in config.items()
        if isinstance(part, Mapping) and "model_type" in part
    }
    if parts:
        return parts
    defaults: JsonDict = _default_config(config["model_type"]).to_dict()
    return defaults


def _default_config(model_type: str) -> Any:
    import transformers

    carried = maybe_config_class(model_type)
    return carried() if carried else transformers.AutoConfig.for_model(model_type)


def _invented_faults(facts: Facts) -> Iterator[Fault]:
    for item in facts.breakable.inventions:
        if not look_up(facts.files[item.file], item.path)[0]:
            kind = "unseen_key_invented" if item.noted else "key_invented"
            label = f"{kind}:{label_of(item.file, item.path)}={json.dumps(item.value)}"
            change = partial(set_key, file=item.file, path=item.path, value=item.value)
            yield _key_fault(label, item, change)
