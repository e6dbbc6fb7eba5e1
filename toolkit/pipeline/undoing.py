"""Undoes findings in a copy of a folder: what they name becomes what the checkpoint says."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.compare.keys import expected_keys
from toolkit.core.findings import Finding
from toolkit.core.json import JsonDict
from toolkit.folder.contents import FolderContents
from toolkit.folder.foreign_code import find_foreign_code, without_foreign_keys
from toolkit.folder.heads import inner_prefix
from toolkit.folder.languages import by_file
from toolkit.folder.shards import FILE_NAME
from toolkit.folder.view import FolderView

if TYPE_CHECKING:
    from torch import Tensor

WEIGHT_FILES = ("*.safetensors", "*.safetensors.index.json", "*.bin", "*.bin.index.json")
SECTIONS = ("generation_config", "preprocessor_config", "processor_config")
"""Files of one object each; every other key is one of `config.json` or of a part in it."""


def copy_without_weights(source: Path, folder: Path) -> None:
    """Copies everything but the weights into a folder, which may be there already."""
    ignored = shutil.ignore_patterns(*WEIGHT_FILES)
    shutil.copytree(source, folder, ignore=ignored, dirs_exist_ok=True)


def copy_whole(source: Path, folder: Path) -> None:
    """Copies everything into a folder, which may be there already."""
    shutil.copytree(source, folder, dirs_exist_ok=True)


def undo_tensors(
    view: FolderView,
    expected: Mapping[str, Tensor],
    findings: Iterable[Finding],
    folder: Path,
) -> None:
    """Writes the weights with the expected tensors wherever a finding names one."""
    from safetensors.torch import save_file

    prefix = inner_prefix(tuple(view.tensors), view.config, expected)
    wrong = {prefix + name for finding in findings for name in finding.target_parameters}
    right = {prefix + name: name for name in expected if prefix + name in wrong}
    tensors = {name: view.tensors[name] for name in view.tensors if name not in wrong}
    tensors |= {name: expected[own] for name, own in right.items()}
    for file, held in by_file(tensors, FILE_NAME).items():
        save_file(held, folder / file, metadata={"format": "pt"})


def undo_keys(contents: FolderContents, findings: Iterable[Finding], folder: Path) -> None:
    """Sets every key that a finding names to what is expected; one that is not expected goes."""
    _undo_foreign(contents, folder)
    expected = dict(expected_keys(contents))
    by_file: dict[str, list[str]] = defaultdict(list)
    for key in (key for f in findings if not _is_foreign(f) for key in f.config_keys):
        section = key.partition(".")[0]
        by_file[section if section in SECTIONS else "config"].append(key)
    for name, keys in by_file.items():
        path = folder / f"{name}.json"
        values = _read(path) or _whole(contents, name)
        for key in keys:
            _set(values, key.removeprefix(f"{name}."), key in expected, expected.get(key))
        path.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _is_foreign(finding: Finding) -> bool:
    return finding.hypothesis is not None and finding.hypothesis.name == "foreign_code"


def _undo_foreign(contents: FolderContents, folder: Path) -> None:
    """Takes away what is not the toolkit's code, or puts the toolkit's in its place."""
    for item in find_foreign_code(folder):
        path, own = folder / item.file, contents.code.get(item.file)
        if item.key is not None:
            values = without_foreign_keys(_read(path))
            path.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        elif own is not None:
            shutil.copyfile(own, path)
        else:
            path.unlink()


def _whole(contents: FolderContents, name: str) -> JsonDict:
    files = {
        "config": contents.config,
        "generation_config": contents.generation,
        "preprocessor_config": contents.preprocessor,
        "processor_config": {},
    }
    # Parts are set in place.
    copied: JsonDict = json.loads(json.dumps(files[name]))
    return copied


def _read(path: Path) -> JsonDict:
    """The object of a file, empty where it is missing or holds none."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _set(values: JsonDict, path: str, is_expected: bool, value: Any) -> None:
    side, _, name = path.rpartition(".")
    if is_expected and side and not isinstance(values.get(side), dict):
        values[side] = {}
    part: Any = values.get(side) if side else values
    if is_expected:
        part[name] = value
    elif isinstance(part, dict):
        part.pop(name, None)
