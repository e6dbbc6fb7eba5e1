"""What a folder's files hold against what the checkpoint says, without running any model."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from toolkit.core.findings import Finding, Note
from toolkit.diagnosis.following import with_followers
from toolkit.diagnosis.foreign import foreign_findings
from toolkit.diagnosis.keys import file_findings, key_findings, key_notes
from toolkit.diagnosis.tensors import tensor_findings, tensor_notes
from toolkit.diagnosis.truth import NOTHING, Known, Truth
from toolkit.diagnosis.vocabulary import vocabulary_findings, vocabulary_notes
from toolkit.folder.safe_copy import loadable
from toolkit.folder.view import FolderView, load_tokenizer


def take_inventory(truth: Truth, view: FolderView, known: Known = NOTHING) -> tuple[Finding, ...]:
    """Every difference between the files and the checkpoint, as findings.

    Args:
        truth: What a folder must hold.
        view: What it holds.
        known: What of that was compared already.
    """
    files = tuple(file_findings(truth, view))
    keys = tuple(with_followers(truth, view, tuple(key_findings(truth, view))))
    settled = {name for finding in keys for name in finding.target_parameters}
    has_wrong_config = any(finding.kind == "config" for finding in (*files, *keys))
    excused = view.tokenizer is None and has_wrong_config
    return (
        *foreign_findings(view),
        *files,
        *_one_per_cause(tensor_findings(truth, view, settled, known.right), keys),
        *vocabulary_findings(
            truth, _with_right_config(truth, view) if excused else view, known.vocabulary
        ),
    )


def _with_right_config(truth: Truth, view: FolderView) -> FolderView:
    """The folder with the tokenizer that loads beside the expected `config.json`.

    transformers reads that file before any tokenizer, and fails on what is wrong in it.
    """
    with tempfile.TemporaryDirectory(prefix="toolkit-tokenizer-") as scratch:
        copy = Path(scratch) / "folder"
        weights = shutil.ignore_patterns("*.safetensors", "*.bin")
        with loadable(view.path, view.foreign) as place:
            shutil.copytree(place, copy, ignore=weights)
        (copy / "config.json").write_text(json.dumps(truth.contents.config), encoding="utf-8")
        tokenizer = load_tokenizer(copy, [])
    return replace(view, tokenizer=tokenizer)


def take_notes(truth: Truth, view: FolderView) -> tuple[Note, ...]:
    """Every difference that shows in fine-tuning alone, or nowhere: training first."""
    tensors = tensor_notes(truth, view)
    notes = (*key_notes(truth, view), *tensors, *vocabulary_notes(truth, view))
    return tuple(sorted(notes, key=lambda note: note.consequence != "training"))


def _one_per_cause(tensors: Iterable[Finding], keys: Iterable[Finding]) -> Iterator[Finding]:
    """Findings of tensors and of keys; a tensor and a key that says the same are one."""
    left = list(keys)
    for finding in tensors:
        same = [key for key in left if _is_same_cause(finding, key)]
        left = [key for key in left if key not in same]
        yield _with_keys(finding, same) if same else finding
    yield from left


def _is_same_cause(tensor: Finding, key: Finding) -> bool:
    mine, theirs = tensor.hypothesis, key.hypothesis
    if mine is None or theirs is None:
        return False
    if {*tensor.target_parameters} & {*key.target_parameters}:
        return True
    if theirs.name == "tie_invented":
        return bool(mine.detail.get("missing")) and len(tensor.target_parameters) == 1
    dtype = repr(mine.detail.get("dtype"))
    lost = mine.name == "precision_lost" and dtype in str(theirs.detail.get("found"))
    return (theirs.name == mine.name == "tie_broken") or (theirs.name == "wrong_dtype" and lost)


def _with_keys(tensor: Finding, keys: list[Finding]) -> Finding:
    names = [name for key in keys for name in key.config_keys]
    invented = keys[0].hypothesis is not None and keys[0].hypothesis.name == "tie_invented"
    said = " and ".join(f"`{name}`" for name in names)
    tensors = (*tensor.target_parameters, *(name for key in keys for name in key.target_parameters))
    return replace(
        tensor,
        target_parameters=tuple(dict.fromkeys(tensors)),
        config_keys=tuple(names),
        summary=f"{tensor.summary}, and {said} {'says' if len(names) == 1 else 'say'} so too",
        hypothesis=keys[0].hypothesis if invented else tensor.hypothesis,
        # What a key says of tensors comes after its own line.
        fix="\n".join([tensor.fix, *(key.fix.partition("\n")[0] for key in keys)]),
    )
