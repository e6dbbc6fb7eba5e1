"""Whether a file's floating-point values are finite numbers, as data and without torch."""

from __future__ import annotations

import mmap
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolkit.checkpoint.reader import Checkpoint
from toolkit.checkpoint.values import quote
from toolkit.core.errors import BadInput
from toolkit.core.positional import read_at
from toolkit.core.spec import NotFinite

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_NAMED = 20
"""Most tensors that one sentence names."""

_CHUNK_NUMEL = 1 << 18
"""Elements looked at together: 1 MB of float32, which stays in a core's cache."""

_ONES = b"\x7f\xff"
"""The highest byte of a number whose exponent begins with seven ones, of either sign."""


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """How a floating-point dtype spells infinity: all bits of its exponent, and no others."""

    kind: str
    """The unsigned integer of the same size, little-endian as in the file."""
    infinity: int
    suspects: bytes
    """What the highest byte of NaN or infinity can be; of few other numbers, and huge ones."""

    @property
    def item(self) -> int:
        """Bytes of one number."""
        return int(self.kind[-1])


_LAYOUTS = {
    "float64": _Layout(kind="<u8", infinity=0x7FF0_0000_0000_0000, suspects=_ONES),
    "float32": _Layout(kind="<u4", infinity=0x7F80_0000, suspects=_ONES),
    "float16": _Layout(kind="<u2", infinity=0x7C00, suspects=b"\x7c\x7d\x7e\x7f\xfc\xfd\xfe\xff"),
    "bfloat16": _Layout(kind="<u2", infinity=0x7F80, suspects=_ONES),
}


def find_not_finite(checkpoint: Checkpoint, names: Iterable[str]) -> tuple[NotFinite, ...]:
    """Those of the tensors that hold NaN or infinities, in the order of the names.

    Args:
        checkpoint: The file; a megabyte of it is looked at at a time.
        names: Its tensors; those of integers are passed over.

    Raises:
        BadInput: There is no such tensor, or the file changed since it was opened.
    """
    return tuple(_find(checkpoint, names))


def expect_finite(checkpoint: Checkpoint, names: Iterable[str]) -> None:
    """Refuses a file that holds NaN or infinities in one of the tensors.

    Raises:
        BadInput: It does, or there is no such tensor, or the file changed since it was opened.
    """
    found = find_not_finite(checkpoint, names)
    if found:
        raise BadInput(
            f"`{checkpoint.path}` must hold finite numbers, but {describe_not_finite(found)}. Use "
            "a checkpoint from before the training diverged, or get the file again from its origin."
        )


def describe_not_finite(found: Sequence[NotFinite]) -> str:
    """The tensors with their counts, as the part of a sentence."""
    named = ", ".join(_describe(tensor) for tensor in found[:MAX_NAMED])
    more = f" and {len(found) - MAX_NAMED} others" if len(found) > MAX_NAMED else ""
    what = "1 tensor does not" if len(found) == 1 else f"{len(found)} tensors do not"
    return f"{what}: {named}{more}"


def _describe(tensor: NotFinite) -> str:
    return f"`{quote(tensor.name)}` ({tensor.nan} NaN, {tensor.inf} infinite)"


def _find(checkpoint: Checkpoint, names: Iterable[str]) -> Iterator[NotFinite]:
    checkpoint, names = checkpoint.lying(names)
    twins = _first_of_twins(checkpoint.aliases())
    counted: dict[str, tuple[int, int]] = {}
    with checkpoint.opened() as file:
        for name in names:
            layout = _LAYOUTS.get(checkpoint.stored_dtype(name))
            if layout is None:
                continue
            first = twins.get(name, name)
            if first not in counted:
                counted[first] = _count(_Stretch.of(checkpoint, file, name), layout)
            nan, inf = counted[first]
            if nan or inf:
                yield NotFinite(name=name, nan=nan, inf=inf)


def _first_of_twins(groups: Iterable[Collection[str]]) -> dict[str, str]:
    return {name: next(iter(group)) for group in groups for name in group}


@dataclass(frozen=True, kw_only=True)
class _Stretch:
    """The bytes of a file among which a tensor's elements lie."""

    file: int
    offset: int
    """Of the first element."""
    num_bytes: int
    shape: tuple[int, ...]
    steps: tuple[int, ...]
    """Elements from one to the next along each axis."""

    @classmethod
    def of(cls, checkpoint: Checkpoint, file: int, name: str) -> _Stretch:
        place = checkpoint.location(name)
        return cls(
            file=file,
            offset=place.offset_bytes,
            num_bytes=place.num_bytes,
            shape=checkpoint.tensors[name].shape,
            steps=checkpoint.stride(name),
        )

    def highest_bytes(self, item: int) -> Iterator[bytes]:
        """The highest byte of every number of the stretch, little-endian as in the file."""
        length = item * _CHUNK_NUMEL
        for start in range(0, self.num_bytes, length):
            size = min(length, self.num_bytes - start)
            yield read_at(self.file, size, self.offset + start)[item - 1 :: item]

    def bits(self, layout: _Layout) -> NDArray[Any]:
        """The tensor's elements as integers, where they lie in the file."""
        import numpy as np

        skipped = self.offset % mmap.ALLOCATIONGRANULARITY
        size, begin = skipped + self.num_bytes, self.offset - skipped
        pages = mmap.mmap(self.file, size, access=mmap.ACCESS_READ, offset=begin)
        strides = tuple(layout.item * step for step in self.steps)
        return np.ndarray(self.shape, layout.kind, pages, skipped, strides)


def _count(stretch: _Stretch, layout: _Layout) -> tuple[int, int]:
    """How many NaN and how many infinities there are, whatever their sign."""
    if not _is_suspect(stretch, layout):
        return 0, 0
    nan = inf = 0
    for chunk in _chunks(stretch.bits(layout)):
        sizes = chunk & chunk.dtype.type(_without_sign(chunk.dtype))
        if sizes.max() >= layout.infinity:
            nan += int((sizes > layout.infinity).sum())
            inf += int((sizes == layout.infinity).sum())
    return nan, inf


def _is_suspect(stretch: _Stretch, layout: _Layout) -> bool:
    """Whether one number is NaN, infinite or huge: told by bytes, as numpy takes long to import."""
    return any(
        byte in highest
        for highest in stretch.highest_bytes(layout.item)
        for byte in layout.suspects
    )


def _without_sign(dtype: np.dtype[Any]) -> int:
    return (1 << (8 * dtype.itemsize - 1)) - 1


def _chunks(bits: NDArray[Any]) -> Iterator[NDArray[Any]]:
    import numpy as np

    pieces: Iterator[Any] = np.nditer(
        bits, flags=["external_loop", "buffered", "zerosize_ok"], buffersize=_CHUNK_NUMEL
    )
    yield from (piece for piece in pieces if piece.size)
