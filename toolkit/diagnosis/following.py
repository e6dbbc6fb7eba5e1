"""Tensors that a folder holds, lacks or has of another shape for a wrong key's sake: one cause."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace

from toolkit.compare.keys import expected_keys
from toolkit.core.errors import BadInput
from toolkit.core.findings import Finding
from toolkit.core.json import JsonDict, JsonObject
from toolkit.diagnosis.tensors import misplaced_tensors, stored_names
from toolkit.diagnosis.truth import Truth
from toolkit.folder.skeleton import target_specs
from toolkit.folder.view import FolderView

CLASSES = ("architectures", "auto_map")
"""Keys that name what is built; they are taken from a conversion, whatever a folder names."""
Shapes = Mapping[str, tuple[int, ...]]
"""Of the tensors of a model, by name."""


def with_followers(truth: Truth, view: FolderView, keys: Sequence[Finding]) -> Iterator[Finding]:
    """The findings of keys, each with the tensors that are wrong for its sake alone.

    A tensor follows from a key if the model that `config.json` describes has it, or has it not, and
    the other way round once that key is right; or if it has the shape that this model wants, which
    is another once that key is right: a vocabulary of another size makes another head.
    """
    wanted = _maybe_shapes(truth, view.config) if any(k.kind == "config" for k in keys) else None
    misplaced = misplaced_tensors(truth, view) if wanted else set()
    resized = _resized_tensors(truth, view, wanted) if wanted else set()
    for key in keys:
        steered, shaped = _steered(truth, view, key, wanted if misplaced | resized else None)
        lost, cut = steered & misplaced, shaped & resized
        misplaced, resized = misplaced - lost, resized - cut
        yield _with_tensors(key, sorted(lost), sorted(cut), truth.tensors) if lost | cut else key


def _resized_tensors(truth: Truth, view: FolderView, wanted: Shapes) -> set[str]:
    """The tensors whose shape is not the checkpoint's, but the one that `config.json` wants."""
    expected = {name: spec.shape for name, spec in truth.plan.targets.items()}
    stored = stored_names(truth, view)
    other = [n for n, shape in wanted.items() if n in stored and expected.get(n, shape) != shape]
    return {name for name in other if tuple(view.tensors[stored[name]].shape) == wanted[name]}


def _steered(
    truth: Truth, view: FolderView, key: Finding, wanted: Shapes | None
) -> tuple[set[str], set[str]]:
    """The tensors that a model has or has not by a finding's keys, and those shaped by them."""
    if key.kind != "config" or wanted is None:
        return set(), set()
    corrected = _maybe_shapes(truth, _corrected(truth, view.config, key.config_keys))
    if corrected is None:
        return set(), set()
    both = set(wanted) & set(corrected)
    return set(wanted) ^ set(corrected), {n for n in both if wanted[n] != corrected[n]}


def _maybe_shapes(truth: Truth, config: JsonObject) -> Shapes | None:
    """The tensors of the model that a configuration describes; None where there is none."""
    told = {key: value for key, value in config.items() if key not in CLASSES}
    named = {key: truth.contents.config[key] for key in CLASSES if key in truth.contents.config}
    try:
        return {name: spec.shape for name, spec in target_specs({**told, **named}).items()}
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


def _with_tensors(
    key: Finding, misplaced: Sequence[str], resized: Sequence[str], known: Collection[str]
) -> Finding:
    lost = [name for name in misplaced if name in known]
    more = [name for name in misplaced if name not in known]
    follows, fixes = [], [key.fix]
    if more:
        follows.append(f"the folder holds {_count(more)} that the checkpoint has nothing for")
        fixes.append(f"remove {_first(more)}")
    if lost:
        follows.append(f"the folder lacks {_count(lost)} of the checkpoint")
    if resized:
        follows.append(f"the folder has {_count(resized)} in another shape than the checkpoint")
    if lost or resized:
        fixes.append(f"write {_first([*lost, *resized])} as the checkpoint has them")
    return replace(
        key,
        target_parameters=(*misplaced, *resized),
        summary=f"{key.summary}, so that {' and '.join(follows)}",
        fix="\n".join(fixes),
    )


def _count(names: Sequence[str]) -> str:
    return f"{len(names)} tensors" if len(names) > 1 else f"`{names[0]}`"


def _first(names: Sequence[str]) -> str:
    return f"`{names[0]}`" + (f" and {len(names) - 1} more" if len(names) > 1 else "")
