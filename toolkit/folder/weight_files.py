"""Which files of a folder hold the weights that transformers reads, and the tensors in them.

The order is that of `transformers.modeling_utils`: what `transformers_weights` names, one
safetensors file, several with an index, one pickle, several with an index. Files of languages come
beside them. All others, of an optimizer say, are nobody's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.checkpoint import Checkpoint, open_state_dict
from toolkit.checkpoint.sets import name_in, without_language
from toolkit.checkpoint.values import quote
from toolkit.core.errors import BadInput
from toolkit.folder.languages import is_of_language, language_files
from toolkit.folder.plain_json import read_json
from toolkit.folder.safetensors_header import read_names
from toolkit.folder.shards import FILE_NAME, INDEX_NAME

if TYPE_CHECKING:
    from torch import Tensor

CONFIG = "config.json"
PICKLE_NAME = "pytorch_model.bin"
PICKLE_INDEX_NAME = "pytorch_model.bin.index.json"
NAMED = "transformers_weights"
"""Key of `config.json` that names another file of weights."""

SAFE, PICKLED = ".safetensors", ".bin"
_INDEX = ".index.json"
_DISTRIBUTED = re.compile(r"shard-\d{5}-model-\d{5}-of-\d{5}\.safetensors")


def place_tensors(folder: Path) -> dict[str, Path]:
    """Returns the file of every tensor that transformers reads; each header was read with care.

    Raises:
        BadInput: there are no weights, a header does not fit them, or an index leads elsewhere.
    """
    places: dict[str, Path] = {}
    for file in _weight_files(folder):
        places |= dict.fromkeys(_names(file), file)
    for language, file in language_files(folder).items():
        places |= {name_in(language, name): file for name in _names(file)}
    return places


def are_pickled(places: Mapping[str, Path]) -> bool:
    """Whether weights lie in files that Python would run."""
    return any(file.suffix == PICKLED for file in places.values())


def is_plain(name: object, suffix: str) -> bool:
    """Whether it is the name of a file of a kind, in the folder itself."""
    return (
        isinstance(name, str)
        and name.endswith(suffix)
        and name.isprintable()
        and not set(name) & set("/\\")
    )


class StoredTensors(Mapping[str, "Tensor"]):
    """The tensors of a folder's weights, each read as data when asked for."""

    def __init__(self, places: Mapping[str, Path]) -> None:
        self._places = places
        self._opened: dict[Path, Any] = {}

    @property
    def files(self) -> frozenset[Path]:
        """Where they lie."""
        return frozenset(self._places.values())

    def __getitem__(self, name: str) -> Tensor:
        file = self._places[name]
        if file not in self._opened:
            self._opened[file] = _open(file)
        opened = self._opened[file]
        own = without_language(name) if is_of_language(file) else name
        if isinstance(opened, Checkpoint):
            return opened.load(own)
        tensor: Tensor = opened.get_tensor(own)
        return tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def _open(file: Path) -> Any:
    from safetensors import safe_open

    return open_state_dict(file) if file.suffix == PICKLED else safe_open(file, framework="pt")


def _weight_files(folder: Path) -> list[Path]:
    if any(_DISTRIBUTED.fullmatch(path.name) for path in folder.glob(f"*{SAFE}")):
        raise BadInput(
            f"`{folder}` must hold a whole model, but holds shards of a distributed checkpoint. "
            "Save the model with `save_pretrained`."
        )
    named = _named(folder)
    candidates = (FILE_NAME, INDEX_NAME, PICKLE_NAME, PICKLE_INDEX_NAME)
    found = named or next((name for name in candidates if (folder / name).is_file()), None)
    if found is None:
        raise BadInput(
            f"`{folder}` must hold its weights as `{FILE_NAME}` or `{PICKLE_NAME}`, or in shards "
            f"with `{INDEX_NAME}` or `{PICKLE_INDEX_NAME}`, but holds none. Save the model with "
            "`save_pretrained`."
        )
    names = _shards(folder / found) if found.endswith(_INDEX) else [found]
    absent = [name for name in names if not (folder / name).is_file()]
    if absent:
        raise BadInput(
            f"`{folder}` must hold `{absent[0]}`, as `{found if not named else CONFIG}` says, but "
            "does not. Get the folder again from its origin."
        )
    return [folder / name for name in names]


def _named(folder: Path) -> str | None:
    """What `config.json` names in place of the usual names."""
    try:
        values = read_json(folder / CONFIG)
    except (OSError, ValueError):
        return None
    name = values.get(NAMED) if isinstance(values, dict) else None
    if name is None or is_plain(name, SAFE) or is_plain(name, SAFE + _INDEX):
        return name
    raise BadInput(
        f"`{NAMED}` in `{folder / CONFIG}` must name nothing outside of the folder and no pickle, "
        f"but is {quote(name)}. Remove the key."
    )


def _shards(index: Path) -> list[str]:
    """The files that an index names, in the order in which transformers reads them.

    Raises:
        BadInput: it is none, or names something else than files beside it.
    """
    suffix = PICKLED if index.name == PICKLE_INDEX_NAME else SAFE
    try:
        values: Any = read_json(index)
        names = sorted(set(values["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        names = [""]
    odd = [name for name in names if not is_plain(name, suffix)]
    if odd or not names:
        listed = ", ".join(f"`{quote(name)}`" for name in odd[:5])
        raise BadInput(
            f"`{index}` must name `*{suffix}` files beside it, but names {listed or 'none'}. Save "
            "the model again."
        )
    return names


def _names(file: Path) -> tuple[str, ...]:
    if file.suffix == PICKLED:
        return tuple(open_state_dict(file).tensors)
    try:
        return read_names(file)
    except (OSError, ValueError) as error:
        raise BadInput(
            f"`{quote(str(file))}` must be a safetensors file, but {error}. Save the model again."
        ) from error
