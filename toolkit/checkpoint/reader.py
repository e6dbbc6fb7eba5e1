"""Opens a fairseq checkpoint: which tensors and settings it holds, and the values on demand."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO, Literal

from toolkit.checkpoint.archive import Archive, read_archive
from toolkit.checkpoint.lookalikes import see_path, see_root
from toolkit.checkpoint.plain_files import NoFile, open_plain
from toolkit.checkpoint.sets import ENTRY, has_sets, read_sets, read_task_symbols
from toolkit.checkpoint.settings import Budget, to_plain
from toolkit.checkpoint.tensors import (
    TensorLocation,
    TensorView,
    group_aliases,
    make_views,
    read_tensor,
    read_tensors,
)
from toolkit.checkpoint.values import TensorRef, quote, type_name
from toolkit.core.counting import listed
from toolkit.core.coverage import Reason
from toolkit.core.errors import BadInput, reason_of
from toolkit.core.positional import read_into
from toolkit.core.spec import FLOATING, ITEM_BYTES, TensorSpec

if TYPE_CHECKING:
    import torch

_MODEL, _VOCODER = "model", "generator"
"""Entries that hold tensors by name; a vocoder's has the one of its training."""
_SETTINGS = ("args", "cfg")
_OPTIMIZER = "last_optimizer_state"
_CHUNK_BYTES = 1 << 18
"""Hashed at a time: it stays in a core's cache, where 32 MB cost a third more processor time."""


@dataclass(frozen=True, kw_only=True)
class _Stamp:
    """What tells whether a file is still the one that was opened."""

    num_bytes: int
    changed_ns: int
    place: tuple[int, int]
    """Device and inode: another file may have taken the path."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """A fairseq checkpoint on disk. Tensor values are read when asked for."""

    path: Path
    format: Literal["zip", "legacy"]
    tensors: Mapping[str, TensorSpec] = field(repr=False)
    """The tensors of the model, in file order."""
    settings: Mapping[str, object] = field(repr=False)
    """`args` and `cfg` as far as present, as plain data."""
    extras: Mapping[str, object] = field(repr=False)
    """The other top-level entries as plain data, tensors described and optimizer state left out."""
    non_tensors: tuple[str, ...]
    """Entries of the model that are no tensors."""
    has_optimizer_state: bool
    _views: Mapping[str, TensorView] = field(repr=False)
    _stamp: _Stamp = field(repr=False)
    _digest: list[str] = field(repr=False, default_factory=list)
    """The file's digest once it is known."""
    wrappers: tuple[Reason, ...] = ()
    """Parts of names that are not the model's, and who puts them there."""
    symbols: Mapping[str, tuple[str, ...]] = field(repr=False, default_factory=dict)
    """The rows of the dictionary that the file has for each language, in the file's order."""
    task_symbols: tuple[str, ...] = field(repr=False, default=())
    """The rows of the dictionary that fairseq's task saved; none where it saved none."""
    spoken: str | None = None
    """The language that the model speaks before it is told another; None where there is none."""
    replaced: tuple[Reason, ...] = ()
    """Tensors of the model that those of a language took the place of."""
    unspoken: Checkpoint | None = field(repr=False, default=None)
    """The same before they did; None where none did."""

    @property
    def left_out(self) -> tuple[Reason, ...]:
        """What of the model nothing here converts: no tensors, and what others replace."""
        because = "it is no tensor, but what training keeps beside the weights"
        none = (Reason(name=name, because=because) for name in self.non_tensors)
        return (*none, *self.replaced)

    def load(self, name: str) -> torch.Tensor:
        """Returns a fresh contiguous copy of one tensor, reading only the bytes it spans.

        Raises:
            BadInput: There is no such tensor, or the file changed since it was opened.
        """
        view = self._find_view(name)
        with _open(self.path, expected=self._stamp) as (file, _):
            return self._cast(name, read_tensor(file, view, label=str(self.path)))

    def location(self, name: str) -> TensorLocation:
        """Returns where one tensor's values lie in the file.

        Raises:
            BadInput: There is no such tensor.
        """
        return self._find_view(name).location

    def stride(self, name: str) -> tuple[int, ...]:
        """Returns how many elements of the file lie from one to the next along each dimension.

        Raises:
            BadInput: There is no such tensor.
        """
        return self._find_view(name).stride

    def stored_dtype(self, name: str) -> str:
        """Returns the dtype of one tensor's values in the file, which `load` may change.

        Raises:
            BadInput: There is no such tensor.
        """
        return self._find_view(name).spec.dtype

    @contextmanager
    def opened(self) -> Iterator[int]:
        """The descriptor of the file, to read what `location` points at.

        Raises:
            BadInput: The file changed since the checkpoint was opened, or does until the end.
        """
        with _open(self.path, expected=self._stamp) as (file, _):
            yield file.fileno()

    def as_dtype(self, dtype: str) -> Checkpoint:
        """The same checkpoint with its floating-point tensors rounded to another dtype."""
        tensors = {
            name: replace(spec, dtype=dtype) if spec.dtype in FLOATING else spec
            for name, spec in self.tensors.items()
        }
        return replace(self, tensors=MappingProxyType(tensors))

    def in_one_dtype(self) -> Checkpoint:
        """The same checkpoint; in float32, as fairseq's models are, if no other does for all."""
        found = {spec.dtype for spec in self.tensors.values()} & FLOATING
        keeps = len(found) < 2 and "float64" not in found
        return self if keeps else self.as_dtype("float32")

    def lying(self, names: Iterable[str]) -> tuple[Checkpoint, tuple[str, ...]]:
        """Returns a checkpoint that has these values where they lie, and their names there."""
        return self, tuple(names)

    def aliases(self) -> tuple[tuple[str, ...], ...]:
        """Returns the groups of names that are the same view of the same bytes (tied weights)."""
        return group_aliases(self._views)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Returns all tensors; those that share a storage in the file share memory.

        Raises:
            BadInput: The file changed since it was opened.
        """
        with _open(self.path, expected=self._stamp) as (file, _):
            tensors = read_tensors(file, self._views, label=str(self.path))
        return {name: self._cast(name, tensor) for name, tensor in tensors.items()}

    def mapped_state_dict(self) -> dict[str, torch.Tensor]:
        """Returns all tensors as views of the file, whose pages the system reads and drops at will.

        Writing to one changes a private copy, never the file. A tensor that does not lie in the
        file as torch needs it is read as `load` does.

        Raises:
            BadInput: The file changed since it was opened.
        """
        return {name: self.mapped(name) for name in self._views}

    def mapped(self, name: str) -> torch.Tensor:
        """Returns one tensor as a view of the file; see `mapped_state_dict`.

        Raises:
            BadInput: There is no such tensor, or the file changed since it was opened.
        """
        import torch

        view = self._find_view(name)
        place, dtype = view.location, view.spec.dtype
        aligned = place.offset_bytes % ITEM_BYTES[dtype] == 0 and dtype != "bool"
        if not (place.contiguous and aligned and place.num_bytes):
            return self.load(name)
        flat = self._whole[place.offset_bytes : place.offset_bytes + place.num_bytes]
        return self._cast(name, flat.view(getattr(torch, dtype)).view(view.spec.shape))

    @cached_property
    def _whole(self) -> torch.Tensor:
        import torch

        with _open(self.path, expected=self._stamp) as (_, stamp):
            size = stamp.num_bytes
            return torch.from_file(str(self.path), shared=False, size=size, dtype=torch.uint8)

    def sha256(self, hashed: Callable[[int], None] | None = None) -> str:
        """Returns the digest of the whole file in hexadecimal, computed once.

        Args:
            hashed: Called with the size of every chunk; what it raises ends the computation.

        Raises:
            BadInput: The file changed since it was opened.
        """
        if not self._digest:
            self._digest.append(self._compute_digest(hashed or _ignore))
        return self._digest[0]

    def _compute_digest(self, hashed: Callable[[int], None]) -> str:
        size = min(_CHUNK_BYTES, self._stamp.num_bytes)
        digest, buffer = hashlib.sha256(), memoryview(bytearray(size))
        with self.opened() as file:
            position = 0
            while count := read_into(file, buffer, position):
                digest.update(buffer[:count])
                position += count
                hashed(count)
        return digest.hexdigest()

    def _cast(self, name: str, tensor: torch.Tensor) -> torch.Tensor:
        import torch

        dtype: torch.dtype = getattr(torch, self.tensors[name].dtype)
        return tensor.to(dtype)

    def _find_view(self, name: str) -> TensorView:
        if name not in self._views:
            raise BadInput(
                f"`{quote(name)}` must be a tensor of `{self.path}`, but there is none of that "
                f"name among its {len(self._views)}. See `Checkpoint.tensors`."
            )
        return self._views[name]


def open_checkpoint(path: Path, *, converted: tuple[str, ...] = ()) -> Checkpoint:
    """Returns the checkpoint in a file, without its tensor values. Nothing of the file runs.

    Args:
        path: The file.
        converted: What the names of tensors begin with in models of transformers, so that an error
            can say that the file is one.

    Raises:
        BadInput: The file cannot be read, is damaged, or is not a fairseq checkpoint.
    """
    with _open(path) as (file, stamp):
        archive = read_archive(file, label=str(path))
    root, model = _expect_fairseq(archive.root, label=str(path), converted=converted)
    return _make_checkpoint(path, archive, root, model, stamp)


def open_state_dict(path: Path) -> Checkpoint:
    """Returns the tensors of a file that holds nothing else, such as `pytorch_model.bin`.

    Nothing of the file runs, and no values are read yet.

    Raises:
        BadInput: The file cannot be read, is damaged, or holds something else than tensors by name.
    """
    with _open(path) as (file, stamp):
        archive = read_archive(file, label=str(path))
    model = archive.root
    if not isinstance(model, dict) or not all(
        isinstance(key, str) and isinstance(value, TensorRef) for key, value in model.items()
    ):
        raise BadInput(
            f"`{path}` must hold tensors by name and nothing else, but holds "
            f"{_describe_content(model)}. Save the model with `save_pretrained`."
        )
    return _make_checkpoint(path, archive, {}, model, stamp)


def _describe_content(root: object) -> str:
    if not isinstance(root, dict):
        return type_name(root)
    return ", ".join(
        f"`{quote(key)}`" for key, v in list(root.items())[:20] if not isinstance(v, TensorRef)
    )


def _make_checkpoint(
    path: Path,
    archive: Archive,
    root: Mapping[object, object],
    model: Mapping[object, object],
    stamp: _Stamp,
) -> Checkpoint:
    refs = {str(name): ref for name, ref in model.items() if isinstance(ref, TensorRef)}
    sets = read_sets(root, label=str(path))
    views = make_views({**refs, **sets.refs}, archive.storages, label=str(path))
    kept = root if not has_sets(root) else {k: v for k, v in root.items() if k != ENTRY}
    return Checkpoint(
        path=path,
        format=archive.format,
        tensors=MappingProxyType({name: view.spec for name, view in views.items()}),
        settings=_plain_entries(root, keep=lambda key: key in _SETTINGS, label=str(path)),
        extras=_plain_entries(kept, keep=_is_extra, label=str(path)),
        non_tensors=tuple(quote(name) for name in model if name not in refs),
        has_optimizer_state=root.get(_OPTIMIZER) is not None,
        symbols=MappingProxyType(dict(sets.symbols)),
        task_symbols=read_task_symbols(root),
        _views=MappingProxyType(views),
        _stamp=stamp,
    )


def _ignore(_: int) -> None:
    return


@contextmanager
def _open(path: Path, *, expected: _Stamp | None = None) -> Iterator[tuple[BinaryIO, _Stamp]]:
    try:
        with open_plain(path) as file:
            stamp = _make_stamp(file)
            _expect_stamp(path, stamp, expected)
            yield file, stamp
            _expect_stamp(path, _make_stamp(file), stamp)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, NoFile) as error:
        seen = see_path(path)
        what, then = (seen.what, seen.then) if seen else ("a pipe or a device", "Check the path.")
        raise BadInput(
            f"`{path}` must be a checkpoint file, but is no file: it is {what}. {then}"
        ) from error
    except OSError as error:
        raise BadInput(
            f"`{path}` must be readable, but {reason_of(error)}. Check the path and its rights."
        ) from error


def _make_stamp(file: BinaryIO) -> _Stamp:
    status = os.fstat(file.fileno())
    return _Stamp(
        num_bytes=status.st_size,
        changed_ns=status.st_mtime_ns,
        place=(status.st_dev, status.st_ino),
    )


def _expect_stamp(path: Path, stamp: _Stamp, expected: _Stamp | None) -> None:
    if expected not in (None, stamp):
        raise BadInput(
            f"`{path}` must stay as it was when it was opened, but changed since. Open it again."
        )


def _expect_fairseq(
    root: object, *, label: str, converted: tuple[str, ...]
) -> tuple[dict[object, object], dict[object, object]]:
    if not isinstance(root, dict):
        raise BadInput(
            f"`{label}` is not a fairseq checkpoint: expected a dict with the entry `{_MODEL}`, "
            f"found {type_name(root)}. Use the file that fairseq's trainer saved."
        )
    model, seen = root.get(_MODEL, root.get(_VOCODER)), see_root(root, converted)
    values = model.values() if isinstance(model, dict) else ()
    holds_tensors = any(isinstance(value, TensorRef) for value in values)
    if not isinstance(model, dict) or not holds_tensors or seen is not None:
        keys = listed([f"`{quote(key)}`" for key in root], shown=10) or "nothing"
        what = "" if seen is None else f", {seen.what}"
        then = "Use the file that fairseq's trainer saved." if seen is None else seen.then
        raise BadInput(
            f"`{label}` is not a fairseq checkpoint: expected the entry `{_MODEL}` with tensors by "
            f"name, found {keys} at the top{what}. {then}"
        )
    unnamed = [k for k, v in model.items() if isinstance(v, TensorRef) and not isinstance(k, str)]
    if unnamed:
        raise BadInput(
            f"`{label}` must name its tensors by text, but {len(unnamed)} have a key of another "
            f"type, the first {quote(unnamed[0])}. Get the file again from its origin."
        )
    return root, model


def _is_extra(key: object) -> bool:
    return key not in (_MODEL, _VOCODER, _OPTIMIZER, *_SETTINGS)


def _plain_entries(
    root: Mapping[object, object], *, keep: Callable[[object], bool], label: str
) -> Mapping[str, object]:
    budget = Budget()
    plain = {
        quote(key): to_plain(value, subject=f"{label}: {quote(key)}", budget=budget)
        for key, value in root.items()
        if keep(key)
    }
    return MappingProxyType(plain)
