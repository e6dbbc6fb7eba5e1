"""The tensors of a recording, each file held against its digest before it is read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.checkpoint.plain_files import open_plain
from toolkit.pipeline.recorded_index import INDEX, RecordedFile, refuse_damaged

if TYPE_CHECKING:
    from torch import Tensor

_CHUNK_BYTES = 1 << 24


class RecordedTensors:
    """Tensors by their place, `FILE:NAME`; a file is read when the first of them is needed."""

    def __init__(self, folder: Path, files: Mapping[str, RecordedFile]) -> None:
        """Takes a recording and what its index says of its files; reads nothing yet."""
        self.folder = folder
        self._files = files
        self._loaded: dict[str, Mapping[str, Tensor]] = {}

    def get(self, place: str) -> Tensor:
        """The tensor at a place.

        Raises:
            BadInput: its file is missing, damaged or not listed, or does not hold it.
        """
        file, _, name = place.partition(":")
        if file not in self._loaded:
            self._loaded[file] = self._load(f"{file}.safetensors")
        if name not in self._loaded[file]:
            refuse_damaged(self.folder, f"`{file}.safetensors` holds no `{name}`")
        return self._loaded[file][name]

    def vector(self, place: str) -> Tensor:
        """The tensor at a place, which must have shape (L,).

        Raises:
            BadInput: as `get`, or it has another shape.
        """
        tensor = self.get(place)
        if tensor.dim() != 1 or not tensor.is_floating_point():
            refuse_damaged(self.folder, f"`{place}` has shape {tuple(tensor.shape)}, not (L,)")
        return tensor

    def source(self, place: str) -> Tensor:
        """The network's input at a place, which must have shape (L,) or (T, F).

        Raises:
            BadInput: as `get`, or it has another shape.
        """
        tensor = self.get(place)
        if not _is_input(tensor):
            shape = tuple(tensor.shape)
            refuse_damaged(self.folder, f"`{place}` has shape {shape}, not (L,) or (T, F)")
        return tensor

    def check(self) -> None:
        """Reads every file, so that damage shows at once.

        Raises:
            BadInput: one is missing or damaged.
        """
        for name in self._files:
            self._load(name)

    def _load(self, name: str) -> Mapping[str, Tensor]:
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        self._expect(name)
        try:
            tensors: Mapping[str, Tensor] = load_file(self.folder / name)
        except (SafetensorError, OSError) as error:
            refuse_damaged(self.folder, f"`{name}` is no safetensors file: {error}")
        return tensors

    def _expect(self, name: str) -> None:
        """Makes sure that a file is the one that was written."""
        if name not in self._files:
            refuse_damaged(self.folder, f"`{INDEX}` lists no file `{name}`")
        expected = self._files[name]
        try:
            found = _measure(self.folder / name, expected.num_bytes)
        except OSError as error:
            refuse_damaged(self.folder, f"`{name}` cannot be read: {error.strerror or error}")
        if found != expected:
            refuse_damaged(
                self.folder,
                f"`{name}` has {found.num_bytes} bytes with the sha256 {found.sha256}, where "
                f"{expected.num_bytes} with {expected.sha256} were written",
            )


def _is_input(tensor: Tensor) -> bool:
    """Whether it is a waveform, filter banks, or ids."""
    return tensor.dim() in ((1, 2) if tensor.is_floating_point() else (1,))


def _measure(path: Path, max_bytes: int) -> RecordedFile:
    """Size and digest of a file, as far as it should reach and one byte more."""
    digest, done = hashlib.sha256(), 0
    with open_plain(path) as file:
        while done <= max_bytes and (chunk := file.read(min(_CHUNK_BYTES, max_bytes + 1 - done))):
            digest.update(chunk)
            done += len(chunk)
    return RecordedFile(num_bytes=done, sha256=digest.hexdigest())
