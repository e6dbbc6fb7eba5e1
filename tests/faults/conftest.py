"""The catalogues of two families, and what every fault does to a copy of a right conversion."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from tests.sampling import slow
from toolkit.audio import golden_folder
from toolkit.core.breakable import Breakable
from toolkit.core.slips import CONFIG, GENERATION, PREPROCESSOR, PROCESSOR
from toolkit.faults import DoubleFault, Fault, double_faults, maybe_harmless, single_faults
from toolkit.faults.facts import WEIGHTS
from toolkit.faults.proof import _same_bits
from toolkit.pipeline.faulting import breakable_of
from toolkit.pipeline.prepare import Inputs, prepare
from toolkit.pipeline.writing import write_converted

FAMILIES = ("checkpoint", "ctc")
"""Folders of the golden checkpoints."""
MISSING = object()


@dataclass(frozen=True, kw_only=True)
class Effect:
    files: frozenset[str]
    tensors: frozenset[str]
    keys: frozenset[str]
    digest: str
    proof: str | None


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """A right conversion, and everything that breaks it."""

    name: str
    folder: Path
    breakable: Breakable

    @cached_property
    def singles(self) -> tuple[Fault, ...]:
        return single_faults(self.folder, self.breakable)

    @cached_property
    def doubles(self) -> tuple[DoubleFault, ...]:
        return double_faults(self.folder, self.breakable)


@pytest.fixture(scope="session")
def catalogues(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Catalogue]:
    """One of each family that has a golden checkpoint."""
    return {name: _catalogue(name, tmp_path_factory.mktemp(name)) for name in FAMILIES}


def _catalogue(name: str, scratch: Path) -> Catalogue:
    prepared = prepare(Inputs(checkpoint=golden_folder() / name / "model.pt"))
    folder = scratch / "right"
    folder.mkdir()
    write_converted(prepared, folder)
    return Catalogue(name=name, folder=folder, breakable=breakable_of(prepared))


@pytest.fixture(scope="session", params=FAMILIES)
def catalogue(request: pytest.FixtureRequest, catalogues: Mapping[str, Catalogue]) -> Catalogue:
    return catalogues[request.param]


@pytest.fixture(scope="session")
def folder(catalogue: Catalogue) -> Path:
    """A right conversion; read it, never write to it."""
    return catalogue.folder


@pytest.fixture(scope="session")
def singles(catalogue: Catalogue) -> tuple[Fault, ...]:
    return catalogue.singles


@pytest.fixture(scope="session", params=[9, slow(1)], ids="one in {}".format)
def sampled(singles: tuple[Fault, ...], request: pytest.FixtureRequest) -> tuple[Fault, ...]:
    """One in so many of them."""
    return singles[:: request.param]


@pytest.fixture(scope="session")
def effects(
    folder: Path, sampled: tuple[Fault, ...], tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Effect]:
    """What each fault of the sample changes, by its name."""
    tensors = load_file(folder / WEIGHTS)
    scratch = tmp_path_factory.mktemp("faults")
    return {
        fault.name: _effect(fault, folder, tensors, scratch / str(i))
        for i, fault in enumerate(sampled)
    }


def _effect(fault: Fault, converted: Path, tensors: Mapping[str, Any], folder: Path) -> Effect:
    shutil.copytree(converted, folder)
    fault.break_folder(folder)
    files = frozenset(_changed_files(converted, folder))
    effect = Effect(
        files=files,
        tensors=frozenset(_changed_tensors(tensors, folder) if WEIGHTS in files else ()),
        keys=frozenset(_changed_keys(converted, folder)),
        digest=_digest(folder, files),
        proof=maybe_harmless(converted, folder),
    )
    shutil.rmtree(folder)
    return effect


def _digest(folder: Path, files: frozenset[str]) -> str:
    """A hash of what was changed."""
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(name.encode() + (folder / name).read_bytes())
    return total.hexdigest()


def _changed_files(before: Path, after: Path) -> Iterator[str]:
    for name in {
        file.name for folder in (before, after) for file in folder.iterdir() if file.is_file()
    }:
        left, right = before / name, after / name
        if not (left.exists() and right.exists()) or left.read_bytes() != right.read_bytes():
            yield name


def _changed_tensors(tensors: Mapping[str, Any], folder: Path) -> Iterator[str]:
    broken = load_file(folder / WEIGHTS)
    for name in tensors.keys() | broken.keys():
        both = name in tensors and name in broken
        if not both or not _same_bits(tensors[name], broken[name]):
            yield name


def _changed_keys(before: Path, after: Path) -> Iterator[str]:
    for file in (CONFIG, GENERATION, PREPROCESSOR, PROCESSOR):
        if not (before / file).is_file():
            continue
        prefix = "" if file == CONFIG else f"{file.removesuffix('.json')}."
        left, right = (dict(_leaves(json.loads((f / file).read_text()))) for f in (before, after))
        for key in left.keys() | right.keys():
            if repr(left.get(key, MISSING)) != repr(right.get(key, MISSING)):
                yield prefix + key


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
