"""The tensors of a folder under the names of a model, as far as they fit it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.checkpoint.sets import maybe_language
from toolkit.checkpoint.values import quote
from toolkit.core.counting import listed
from toolkit.core.errors import BadInput
from toolkit.core.json import JsonObject
from toolkit.core.lazy import LazyTensors
from toolkit.core.spec import TensorSpec
from toolkit.folder.heads import inner_names
from toolkit.folder.languages import of_model
from toolkit.folder.weight_files import StoredTensors, place_tensors

if TYPE_CHECKING:
    from torch import Tensor

_RELEASED = {
    ".weight_g": ".parametrizations.weight.original0",
    ".weight_v": ".parametrizations.weight.original1",
}
"""Names of weight norm in folders that older versions saved; transformers renames on load."""
_FOREIGN = (
    (r"(^|\.)lora_|\.base_layer\.", "they are of LoRA: merge them (`merge_and_unload`) and save"),
    (r"\.(SCB|absmax|quant_\w+|qweight|qzeros|scales)(\.|$)", "they are of quantized weights"),
    (r"(^|\.)adapter", "they are of an adapter"),
)
"""What tensors that fairseq's model has no place for are, by their names."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """What a folder holds of a model's tensors."""

    folder: Path
    tensors: Mapping[str, Tensor]
    """By the model's names, each read when asked for."""
    further: tuple[str, ...]
    """Names in the file of tensors that the model has not."""

    def specs(self) -> dict[str, TensorSpec]:
        """What each tensor is, without its values."""
        return {
            name: TensorSpec(
                name=name,
                dtype=str(tensor.dtype).removeprefix("torch."),
                shape=tuple(tensor.shape),
            )
            for name, tensor in self.tensors.items()
        }

    def expect(self, wanted: Mapping[str, TensorSpec], of: str) -> None:
        """Makes sure that the folder holds a model's tensors, in their shapes, and nothing else.

        Args:
            wanted: The model's tensors.
            of: Who says so, as errors name it.

        Raises:
            BadInput: it does not; all of it at once.
        """
        said = [
            *_strange(self.further),
            *_lacking(name for name in wanted if name not in self.tensors),
            *_misshapen(self.tensors, wanted),
        ]
        if said:
            raise BadInput(
                f"`{self.folder}` must hold what {of} has a place for, tensor by tensor, but "
                f"{'; '.join(said)}. Name a checkpoint of the same model with `--like`."
            )


def names_in(folder: Path) -> tuple[str, ...]:
    """The names of all tensors of a folder, as models of today call them.

    Raises:
        BadInput: there are no weights, or a file of them cannot be read.
    """
    return tuple(map(_modern, place_tensors(folder)))


def hold(folder: Path, config: JsonObject, wanted: Mapping[str, str | None]) -> Held:
    """The tensors of a folder, which `check_folder` admitted.

    Args:
        folder: The folder.
        config: What its `config.json` says.
        wanted: The model's names, each with the name of its twin where the two are one tensor.

    Raises:
        BadInput: there are no weights, or a file of them cannot be read.
    """
    stored = StoredTensors(place_tensors(folder))
    speaks = any(maybe_language(name) is not None for name in wanted)
    own = tuple(stored if speaks else of_model(stored))
    inner = {_modern(n): old for n, old in inner_names(own, config, wanted).items()}
    names = {name: inner[name] for name in wanted if name in inner}
    for name, twin in wanted.items():
        if name not in names and twin in inner:
            names[name] = inner[twin]
    used = {*names.values(), *(inner[name] for name in inner if name in wanted)}
    loaders = {name: partial(stored.__getitem__, old) for name, old in names.items()}
    further = tuple(name for name in stored if name not in used)
    return Held(folder=folder, tensors=LazyTensors(loaders), further=further)


def _modern(name: str) -> str:
    old = next((old for old in _RELEASED if name.endswith(old)), None)
    return name if old is None else name.removesuffix(old) + _RELEASED[old]


def _strange(names: Iterable[str]) -> Iterator[str]:
    left = list(names)
    for pattern, what in _FOREIGN:
        found = [name for name in left if re.search(pattern, name)]
        if found:
            yield f"it holds {_listed(found)}, which fairseq's model has no place for: {what}"
        left = [name for name in left if name not in found]
    if left:
        yield f"it holds {_listed(left)}, which fairseq's model has no place for"


def _lacking(names: Iterable[str]) -> Iterator[str]:
    lacking = list(names)
    if lacking:
        yield f"it lacks {_listed(lacking)}"


def _misshapen(tensors: Mapping[str, Tensor], wanted: Mapping[str, TensorSpec]) -> Iterator[str]:
    held = {name: (tensors[name], spec) for name, spec in wanted.items() if name in tensors}
    integers = [name for name, (tensor, spec) in held.items() if _is_quantized(tensor, spec)]
    if integers:
        dtype = tensors[integers[0]].dtype
        yield f"it holds {dtype} in {_listed(integers)}, as quantized weights do"
    other = {
        name: (tuple(tensor.shape), spec.shape)
        for name, (tensor, spec) in held.items()
        if tuple(tensor.shape) != spec.shape and name not in integers
    }
    if other:
        name, (found, expected) = next(iter(other.items()))
        rest = f", and {len(other) - 1} more differ" if len(other) > 1 else ""
        hint = " (another vocabulary, say)" if all(starmap(_is_resized, other.values())) else ""
        yield f"`{name}` has shape {found}, that of the checkpoint {expected}{rest}{hint}"


def _is_quantized(tensor: Tensor, spec: TensorSpec) -> bool:
    is_whole = not tensor.dtype.is_floating_point
    return is_whole and spec.dtype.startswith(("float", "bfloat"))


def _is_resized(found: tuple[int, ...], expected: tuple[int, ...]) -> bool:
    return found[:1] != expected[:1] and found[1:] == expected[1:]


def _listed(names: list[str]) -> str:
    return listed([f"`{quote(name)}`" for name in names])
