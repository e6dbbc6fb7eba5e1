"""Tensors that a folder holds, or lacks, for a wrong key's sake: the key and they are one cause."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from copy import deepcopy
from dataclasses import replace

from toolkit.compare.keys import expected_keys
from toolkit.core.errors import BadInput
from toolkit.core.findings import Finding
from toolkit.core.json import JsonDict, JsonObject
from toolkit.diagnosis.tensors import misplaced_tensors
from toolkit.diagnosis.truth import Truth
from toolkit.folder.skeleton import target_specs
from toolkit.folder.view import FolderView

CLASSES = ("architectures", "auto_map")
"""Keys that name what is built; they are taken from a conversion, whatever a folder names."""


def with_followers(truth: Truth, view: FolderView, keys: Sequence[Finding]) -> Iterator[Finding]:
    """The findings of keys, each with the tensors that are misplaced for its sake alone.

    A tensor follows from a key if the model that `config.json` describes has it, or has it not, and
    the other way round once that key is right.
    """
    left = misplaced_tensors(truth, view)
    wanted = _maybe_wanted(truth, view.config) if left else None
    for key in keys:
        found = _followers(truth, view.config, key, wanted) & left if left and wanted else set()
        left = left - found
        yield _with_tensors(key, sorted(found), truth.tensors) if found else key


def _followers(truth: Truth, config: JsonObject, key: Finding, wanted: Collection[str]) -> set[str]:
    """The tensors of which a model has no more, or has not yet, once a finding's keys are right."""
    if key.kind != "config":
        return set()
    corrected = _maybe_wanted(truth, _corrected(truth, config, key.config_keys))
    return set() if corrected is None else set(wanted) ^ corrected


def _maybe_wanted(truth: Truth, config: JsonObject) -> set[str] | None:
    """The tensors of the model that a configuration describes; None where there is none."""
    told = {key: value for key, value in config.items() if key not in CLASSES}
    named = {key: truth.contents.config[key] for key in CLASSES if key in truth.contents.config}
    try:
        return set(target_specs({**told, **named}))
    except BadInput:
        return None


def _corrected(truth: Truth, config: JsonObject, keys: Sequence[str]) -> JsonDict:
    expected = dict(expected_keys(truth.contents))
    corrected: JsonDict = deepcopy(dict(config))
    for key in keys:
        part, _, name = key.rpartition(".")
        values = corrected.get(part) if part else corrected
        if not isinstance(values, dict):
            continue
        if key in expected:
            values[name] = expected[key]
        else:
            values.pop(name, None)
    return corrected


def _with_tensors(key: Finding, names: Sequence[str], known: Collection[str]) -> Finding:
    lost = [name for name in names if name in known]
    more = [name for name in names if name not in known]
    follows, fixes = [], [key.fix]
    if more:
        follows.append(f"the folder holds {_count(more)} that the checkpoint has nothing for")
        fixes.append(f"remove {_first(more)}")
    if lost:
        follows.append(f"the folder lacks {_count(lost)} of the checkpoint")
        fixes.append(f"write {_first(lost)} as the checkpoint has them")
    return replace(
        key,
        target_parameters=tuple(names),
        summary=f"{key.summary}, so that {' and '.join(follows)}",
        fix="\n".join(fixes),
    )


def _count(names: Sequence[str]) -> str:
    return f"{len(names)} tensors" if len(names) > 1 else f"`{names[0]}`"


def _first(names: Sequence[str]) -> str:
    return f"`{names[0]}`" + (f" and {len(names) - 1} more" if len(names) > 1 else "")
