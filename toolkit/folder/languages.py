"""The files of a folder that hold the weights of one language each, beside those of the model.

transformers reads `adapter.<language>.safetensors` when a model is told to speak a language: the
tensors in it take the place of the model's. Here they are called `adapter[<language>].<name>`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from toolkit.checkpoint.dictionary import Dictionary
from toolkit.checkpoint.sets import maybe_language, name_in, without_language
from toolkit.core.spec import TensorSpec

T = TypeVar("T")
SAFE, PICKLED = ".safetensors", ".bin"
_FILE = re.compile(r"adapter\.([A-Za-z0-9_-]{1,64})\.(?:safetensors|bin)")


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """The languages that a folder's model speaks, each with weights of its own."""

    dictionaries: Mapping[str, Dictionary]
    """The symbols of each language, in the checkpoint's order."""
    first: str
    """The one that it speaks before it is told another."""
    own: str
    """Pattern of the names of the tensors that each language has of its own."""
    head: str
    """What the names of those begin with that have a row for each symbol."""

    def targets(self, model: Mapping[str, TensorSpec]) -> Iterator[tuple[str, TensorSpec]]:
        """The tensors of all languages, from those of the model."""
        for language, dictionary in self.dictionaries.items():
            for name, spec in model.items():
                if re.fullmatch(self.own, name):
                    rows = (len(dictionary),) if name.startswith(self.head) else spec.shape[:1]
                    shape = (*rows, *spec.shape[1:])
                    whole = name_in(language, name)
                    yield whole, replace(spec, name=whole, shape=shape)


def file_of(language: str) -> str:
    """What the file of a language is called."""
    return f"adapter.{language}{SAFE}"


def language_files(folder: Path) -> dict[str, Path]:
    """The file of every language, in the order of names; transformers prefers safetensors."""
    found = sorted(folder.glob(f"adapter.*{PICKLED}")) + sorted(folder.glob(f"adapter.*{SAFE}"))
    named = ((match[1], path) for path in found if (match := _FILE.fullmatch(path.name)))
    return dict(sorted(dict(named).items()))


def is_of_language(file: Path) -> bool:
    """Whether a file is that of a language."""
    return _FILE.fullmatch(file.name) is not None


def by_file(values: Mapping[str, T], model: str) -> dict[str, dict[str, T]]:
    """What is written into each file, under the names that it has there.

    Args:
        values: By name; a language's names begin with it.
        model: The file of what belongs to no language.
    """
    files: dict[str, dict[str, T]] = {model: {}}
    for name, value in values.items():
        language = maybe_language(name)
        file = model if language is None else file_of(language)
        files.setdefault(file, {})[without_language(name)] = value
    return files


def of_model(names: Iterable[str]) -> Iterator[str]:
    """Those of the names that belong to no language."""
    return (name for name in names if maybe_language(name) is None)
