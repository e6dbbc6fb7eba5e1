"""What a converted folder looks like from outside: tensor names and shapes, and its JSON files."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from toolkit.core.breakable import Attention, Breakable, Part, Side
from toolkit.core.errors import BadInput, reason_of
from toolkit.core.json import JsonDict, JsonObject
from toolkit.core.slips import CONFIG, TOKENIZER_CONFIG
from toolkit.folder.languages import language_files

WEIGHTS = "model.safetensors"

PARAMETRIZATION = ".parametrizations."
GAIN = ".parametrizations.weight.original0"
DIRECTION = ".parametrizations.weight.original1"


@dataclass(frozen=True, kw_only=True)
class Place:
    """One tensor of the folder."""

    name: str
    shape: tuple[int, ...]
    part: Part
    """The part of the model that it lies in."""
    projection: str = ""
    """What it is in an attention block: `query`, `key`, `value` or `output`; else empty."""

    @property
    def module(self) -> str:
        """The path of the module that owns the tensor."""
        return owner(self.name)

    @property
    def is_norm(self) -> bool:
        """Whether it is the weight or the bias of a norm."""
        return is_norm(self.name)

    @property
    def template(self) -> str:
        """Its name without layer numbers: tensors of one template play one role."""
        return template(self.name)

    @property
    def size(self) -> int:
        """How many values it has."""
        total = 1
        for length in self.shape:
            total *= length
        return total


@dataclass(frozen=True, kw_only=True)
class Block:
    """One attention block of the folder."""

    path: str
    kind: Attention

    @property
    def inputs(self) -> tuple[str, ...]:
        """The paths of query, key and value."""
        return tuple(f"{self.path}.{name}" for name in self.kind.inputs)

    @property
    def projections(self) -> tuple[str, ...]:
        """The paths of all projections."""
        return tuple(f"{self.path}.{name}" for name in self.kind.projections)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A converted folder without the values of its tensors."""

    breakable: Breakable
    shapes: Mapping[str, tuple[int, ...]]
    """The shape of every tensor, by name."""
    files: Mapping[str, JsonObject]
    """What its JSON files hold, by name."""
    languages: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The names of the tensors in each language's file."""

    @property
    def config(self) -> JsonObject:
        """What `config.json` holds."""
        return self.files[CONFIG]

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Every tensor."""
        return tuple(
            Place(name=name, shape=shape, part=self.part_of(name), projection=self._role(name))
            for name, shape in self.shapes.items()
        )

    @cached_property
    def stacks(self) -> dict[str, dict[int, dict[str, str]]]:
        """Tensor names by stack of layers, layer number, and name within the layer."""
        pattern = re.compile(rf"(.+\.(?:{'|'.join(self.breakable.stacks)}))\.(\d+)\.(.+)")
        stacks: dict[str, dict[int, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
        for name in self.shapes:
            found = pattern.fullmatch(name)
            if found:
                stacks[found[1]][int(found[2])][found[3]] = name
        return {stack: dict(sorted(layers.items())) for stack, layers in sorted(stacks.items())}

    @cached_property
    def attentions(self) -> tuple[Block, ...]:
        """The attention blocks."""
        return tuple(
            Block(path=path, kind=kind)
            for name in self.shapes
            for path, kind in self._attention(name)
            if name == f"{path}.{kind.query}.weight"
        )

    @property
    def tags(self) -> dict[str, int]:
        """The language tags among the special tokens, with their ids."""
        named = set(self.files.get(TOKENIZER_CONFIG, {}).get("extra_special_tokens", ()))
        files = [self.files[name] for name in self.breakable.vocabularies]
        added = [token for values in files for token in values.get("added_tokens", ())]
        return {token["content"]: token["id"] for token in added if token["content"] in named}

    def part_of(self, name: str) -> Part:
        """The part of the model that a tensor lies in.

        Raises:
            BadInput: it lies in none, so that the folder is of another kind.
        """
        module = owner(name)
        for part in self.breakable.parts:
            if re.fullmatch(part.modules, module):
                return part
        raise BadInput(
            f"`{module}` must lie in a known part of the checkpoint's model, but lies in none. "
            "Name a folder that `toolkit convert` wrote."
        )

    def heads(self, name: str) -> int:
        """How many heads the attention has that a tensor or module lies in."""
        return int(self.value(self._side(name).heads))

    def width(self, name: str) -> int:
        """The width of the side that a tensor or module lies in."""
        return int(self.value(self._side(name).width))

    def groups(self, name: str) -> int:
        """How many groups the convolution has that a tensor with a weight norm belongs to."""
        key = self._side(name).groups
        return 1 if key is None else int(self.value(key))

    def value(self, path: str) -> Any:
        """The value of a key of `config.json`; None if there is none."""
        return look_up(self.config, path)[1]

    def _side(self, name: str) -> Side:
        sides = self.breakable.sides
        return next((side for side in sides if name.startswith(side.prefix)), sides[0])

    def _attention(self, name: str) -> Iterator[tuple[str, Attention]]:
        """The attention block around a tensor's module, if there is one."""
        path = owner(owner(name))
        for kind in self.breakable.attentions:
            if re.fullmatch(kind.modules, path):
                yield path, kind

    def _role(self, name: str) -> str:
        module = owner(name)
        return next(
            (
                role
                for path, kind in self._attention(name)
                for role in ("query", "key", "value", "output")
                if module == f"{path}.{getattr(kind, role)}"
            ),
            "",
        )


def read_facts(folder: Path, breakable: Breakable) -> Facts:
    """Reads a folder's JSON files and the header of its weights.

    Raises:
        BadInput: a file is missing or cannot be read, or nothing is known of what can be broken.
    """
    if not breakable.parts:
        raise BadInput(
            f"`{folder}` must be of a family that says what of it can be broken, but its family "
            "does not. Give its `Network` a `breakable`."
        )
    keyed = (*breakable.slips, *breakable.inventions)
    words = (TOKENIZER_CONFIG, *breakable.vocabularies) if breakable.vocabularies else ()
    names = (CONFIG, *words, *(item.file for item in keyed))
    return Facts(
        breakable=breakable,
        shapes=dict(_shapes(folder / WEIGHTS)),
        languages={
            name: frozenset(tensor for tensor, _ in _shapes(file))
            for name, file in language_files(folder).items()
        },
        files={name: read_json(folder / name) for name in dict.fromkeys(names)},
    )


def read_json(file: Path) -> JsonDict:
    """The object that a JSON file holds.

    Raises:
        BadInput: it is missing, or holds something else.
    """
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(
            f"`{file}` must be a JSON file of a converted folder, but {reason_of(error)}. "
            "Name a folder that `toolkit convert` wrote."
        ) from error
    if not isinstance(values, dict):
        raise BadInput(
            f"`{file}` must hold a JSON object, but holds {values!r:.80}. Name a folder that "
            "`toolkit convert` wrote."
        )
    return values


def look_up(values: JsonObject, path: str) -> tuple[bool, Any]:
    """Whether there is a value under a dotted path, and which."""
    inner: object = values
    for key in path.split("."):
        if not isinstance(inner, Mapping) or key not in inner:
            return False, None
        inner = inner[key]
    return True, inner


def owner(parameter: str) -> str:
    """The path of the module that a tensor belongs to; a parametrized one's is its module."""
    if PARAMETRIZATION in parameter:
        return parameter.partition(PARAMETRIZATION)[0]
    return parameter.rpartition(".")[0]


def owners(parameters: Iterable[str]) -> frozenset[str]:
    """The paths of the modules that some tensors belong to."""
    return frozenset(owner(name) for name in parameters)


def is_norm(parameter: str) -> bool:
    """Whether a tensor is the weight or the bias of a norm."""
    return "norm" in owner(parameter).rpartition(".")[2]


def template(name: str) -> str:
    """A name without layer numbers."""
    return re.sub(r"\.\d+\.", ".{i}.", name)


def _shapes(file: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as opened:
            for name in sorted(opened.keys()):
                # A batch norm counts its batches for training only.
                if not name.endswith(".num_batches_tracked"):
                    yield name, tuple(opened.get_slice(name).get_shape())
    except (SafetensorError, OSError) as error:
        raise BadInput(
            f"`{file}` must hold all weights of a converted folder, but {reason_of(error)}. "
            "Name a folder that `toolkit convert` wrote."
        ) from error
