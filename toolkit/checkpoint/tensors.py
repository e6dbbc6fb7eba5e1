"""Where a tensor's values lie in the file, whether that place is sound, and reading them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from toolkit.checkpoint.storages import Region
from toolkit.checkpoint.values import MAX_DIMENSIONS, TensorRef, quote
from toolkit.core.errors import BadInput
from toolkit.core.spec import ITEM_BYTES, TensorSpec

if TYPE_CHECKING:
    import torch

MAX_REPEATED_NUMEL = 1 << 24
"""Most elements of a view that shows stored elements more than once (stride 0). A few bytes may
otherwise claim terabytes; real ones are small buffers."""

MAX_NAME_CHARS = 500
"""Longest name of a tensor; real ones have some 70 characters."""

_TORCH_MAX = (1 << 63) - 1


@dataclass(frozen=True, kw_only=True)
class TensorLocation:
    """The stretch of the file that a tensor spans."""

    offset_bytes: int
    """From the start of the file to the tensor's first element."""
    num_bytes: int
    """Up to the tensor's last element, with what lies in between."""
    contiguous: bool
    """Whether these bytes are the values in row-major order."""


@dataclass(frozen=True, kw_only=True)
class TensorView:
    """One sound tensor of the file."""

    spec: TensorSpec
    stride: tuple[int, ...]
    offset: int
    """Elements from the storage's start."""
    storage: Region

    @property
    def location(self) -> TensorLocation:
        """Where the values lie."""
        item_bytes = ITEM_BYTES[self.spec.dtype]
        return TensorLocation(
            offset_bytes=self.storage.offset_bytes + self.offset * item_bytes,
            num_bytes=_span(self.spec.shape, self.stride) * item_bytes,
            contiguous=_is_contiguous(self.spec.shape, self.stride),
        )


def make_views(
    refs: Mapping[str, TensorRef], storages: Mapping[str, Region], *, label: str
) -> dict[str, TensorView]:
    """Returns the tensors by name, each checked against its storage.

    Raises:
        BadInput: A tensor has an unknown dtype, senseless sizes, or reaches outside its storage.
    """
    problems = {
        n: p for n, r in refs.items() if (p := _find_problem(n, r, storages[r.storage.key]))
    }
    if problems:
        listed = "; ".join(f"`{quote(n)}` {p}" for n, p in list(problems.items())[:10])
        raise BadInput(
            f"`{label}` must hold tensors that lie within their storages, but {len(problems)} "
            f"do not: {listed}. Get the file again from its origin."
        )
    return {name: _make_view(name, ref, storages[ref.storage.key]) for name, ref in refs.items()}


def read_tensor(file: BinaryIO, view: TensorView, *, label: str) -> torch.Tensor:
    """Returns a contiguous copy of a tensor's values, reading only what it spans.

    Raises:
        BadInput: The file is shorter than it was.
    """
    place = view.location
    region = Region(offset_bytes=place.offset_bytes, num_bytes=place.num_bytes)
    flat = _as_dtype(_read_bytes(file, region, label=label), view.spec.dtype)
    if place.contiguous:
        return flat.reshape(view.spec.shape)
    return flat.as_strided(view.spec.shape, view.stride).contiguous()


def read_tensors(
    file: BinaryIO, views: Mapping[str, TensorView], *, label: str
) -> dict[str, torch.Tensor]:
    """Returns all tensors; those that share a storage in the file share memory.

    Raises:
        BadInput: The file is shorter than it was.
    """
    flats: dict[tuple[Region, str], torch.Tensor] = {}
    raw: dict[Region, torch.Tensor] = {}
    tensors = {}
    for name, view in views.items():
        region, dtype = view.storage, view.spec.dtype
        if region not in raw:
            raw[region] = _read_bytes(file, region, label=label)
        if (region, dtype) not in flats:
            flats[region, dtype] = _as_dtype(raw[region], dtype)
        flat = flats[region, dtype]
        tensors[name] = flat.as_strided(view.spec.shape, view.stride, view.offset)
    return tensors


def group_aliases(views: Mapping[str, TensorView]) -> tuple[tuple[str, ...], ...]:
    """Returns the groups of names that are the same view of the same bytes.

    Empty tensors belong to no group.
    """
    groups: dict[object, list[str]] = {}
    for name, view in views.items():
        if view.spec.numel:
            # The stride of a dimension of size 1 has no meaning.
            pairs = zip(view.spec.shape, view.stride, strict=True)
            steps = tuple(stride for size, stride in pairs if size > 1)
            place = (view.location.offset_bytes, view.spec.dtype, view.spec.shape, steps)
            groups.setdefault(place, []).append(name)
    return tuple(tuple(names) for names in groups.values() if len(names) > 1)


def _make_view(name: str, ref: TensorRef, storage: Region) -> TensorView:
    spec = TensorSpec(name=name, dtype=ref.dtype, shape=ref.shape)
    return TensorView(spec=spec, stride=ref.stride, offset=ref.offset, storage=storage)


def _find_problem(name: str, ref: TensorRef, storage: Region) -> str | None:
    """Returns what is wrong with a tensor, worded to follow its name, or None."""
    if not name or not name.isprintable():
        return "has a name that cannot be printed"
    if len(name) > MAX_NAME_CHARS:
        return f"has a name of {len(name)} characters, of at most {MAX_NAME_CHARS}"
    if ref.dtype not in ITEM_BYTES:
        return f"has dtype {quote(ref.dtype)}, which no model here uses"
    if len(ref.shape) != len(ref.stride) or len(ref.shape) > MAX_DIMENSIONS:
        return f"has {len(ref.shape)} sizes and {len(ref.stride)} strides"
    if min((ref.offset, *ref.shape, *ref.stride)) < 0:
        return "has a negative size, stride or offset"
    return _find_reach_problem(ref, storage.num_bytes // ITEM_BYTES[ref.dtype])


def _find_reach_problem(ref: TensorRef, stored_numel: int) -> str | None:
    end = ref.offset + _span(ref.shape, ref.stride)
    if end > stored_numel:
        return f"reaches to element {quote(end)} of a storage that has {stored_numel}"
    numel = TensorSpec(name="", dtype=ref.dtype, shape=ref.shape).numel
    if numel > max(stored_numel, MAX_REPEATED_NUMEL):
        return f"claims {quote(numel)} elements of a storage that has {stored_numel}"
    # An empty tensor takes no room, whatever its other sizes are; torch multiplies them anyway.
    empty_numel = math.prod(max(1, size) for size in ref.shape) if 0 in ref.shape else 0
    if max((empty_numel, *ref.shape, *ref.stride)) > _TORCH_MAX:
        return "has a size or stride that torch cannot hold"
    return None


def _span(shape: tuple[int, ...], stride: tuple[int, ...]) -> int:
    """Returns the number of elements from the first to the last one."""
    if 0 in shape:
        return 0
    return 1 + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))


def _is_contiguous(shape: tuple[int, ...], stride: tuple[int, ...]) -> bool:
    expected = 1
    for size, step in zip(reversed(shape), reversed(stride), strict=True):
        if size > 1 and step != expected and 0 not in shape:
            return False
        expected *= size
    return True


def _read_bytes(file: BinaryIO, region: Region, *, label: str) -> torch.Tensor:
    import torch

    values = torch.empty(region.num_bytes, dtype=torch.uint8)
    file.seek(region.offset_bytes)
    if region.num_bytes and not _fill(file, values.numpy().data):
        raise BadInput(
            f"`{label}` must hold {region.num_bytes} bytes at byte {region.offset_bytes}, but ends "
            f"before. It changed since it was opened; open it again."
        )
    return values


def _fill(file: BinaryIO, buffer: memoryview) -> bool:
    filled = 0
    while filled < len(buffer):
        count = file.readinto(buffer[filled:])  # type: ignore[attr-defined]
        if not count:
            return False
        filled += count
    return True


def _as_dtype(values: torch.Tensor, dtype: str) -> torch.Tensor:
    import torch

    if dtype == "bool":
        return values != 0  # any other byte in a bool tensor is undefined in torch
    whole = values.numel() - values.numel() % ITEM_BYTES[dtype]
    return values[:whole].view(getattr(torch, dtype))
