"""A folder as transformers may load it: nothing in it runs but what the toolkit carries."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from toolkit.core.spec import TensorSpec
from toolkit.folder.foreign_code import ForeignCode, without_foreign_keys
from toolkit.folder.languages import by_file
from toolkit.folder.plain_json import read_json
from toolkit.folder.safetensors_file import lay_out
from toolkit.folder.shards import FILE_NAME
from toolkit.folder.weight_files import PICKLED

if TYPE_CHECKING:
    from torch import Tensor


@contextmanager
def loadable(
    folder: Path,
    foreign: Sequence[ForeignCode],
    pickled: Mapping[str, Tensor] | None = None,
) -> Iterator[Path]:
    """The folder itself where nothing of it can run; else a copy of links without what can.

    Args:
        folder: The folder.
        foreign: What is left out of the copy.
        pickled: Tensors that lie in pickles, to be written as safetensors in their place.
    """
    if not foreign and pickled is None:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="toolkit-safe-") as name:
        # transformers names the modules of a folder after it.
        copy = Path(name) / folder.resolve().name
        _link(folder, copy, foreign, pickled is not None)
        if pickled is not None:
            for file, tensors in by_file(pickled, FILE_NAME).items():
                if not (copy / file).exists():
                    _write(copy / file, tensors)
        yield copy


def _link(folder: Path, copy: Path, foreign: Sequence[ForeignCode], no_pickles: bool) -> None:
    left_out = {item.file for item in foreign if item.key is None}
    rewritten = {item.file for item in foreign if item.key is not None}
    copy.mkdir()
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        is_pickle = no_pickles and path.suffix == PICKLED
        if not path.is_file() or name in left_out or is_pickle:
            continue
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        if name in rewritten:
            text = json.dumps(without_foreign_keys(read_json(path)))
            (copy / name).write_text(text, encoding="utf-8")
        else:
            stand_for(copy / name, path.resolve())


def stand_for(place: Path, original: Path) -> None:
    """A link to a file; where a user may make none, as on Windows, its bytes."""
    try:
        place.symlink_to(original)
    except (OSError, NotImplementedError):
        shutil.copyfile(original, place)


def _write(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """The tensors as a safetensors file, one after another; shared ones are written out."""
    specs = [_spec(name, tensors[name]) for name in tensors]
    layout = lay_out(specs)
    with path.open("wb") as file:
        file.write(layout.header)
        for spec in layout.specs:
            _append(file, tensors[spec.name])


def _spec(name: str, tensor: Tensor) -> TensorSpec:
    dtype = str(tensor.dtype).removeprefix("torch.")
    return TensorSpec(name=name, dtype=dtype, shape=tuple(tensor.shape))


def _append(file: BinaryIO, tensor: Tensor) -> None:
    import torch

    if tensor.numel():
        file.write(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
