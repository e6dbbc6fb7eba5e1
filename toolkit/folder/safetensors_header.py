"""The header of a safetensors file that nobody trusts, checked before anything maps the file.

Format: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from toolkit.checkpoint.plain_files import open_plain
from toolkit.checkpoint.values import quote
from toolkit.core.json import JsonObject
from toolkit.folder.plain_json import parse_json

MAX_HEADER_BYTES = 1 << 24
"""Of 100,000 tensors; a model of 2 billion parameters has some 2,000."""

_LENGTH = struct.Struct("<Q")
_METADATA = "__metadata__"
_BITS = {
    **{"BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8},
    **{"I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32},
    **{"I64": 64, "U64": 64, "F64": 64, "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6},
}
_KEYS = {"dtype", "shape", "data_offsets"}
_MAX_DIMENSIONS = 64
_MAX_NUMBER = 2**63 - 1


class _Place(NamedTuple):
    """Where the bytes of a tensor lie, counted from the end of the header."""

    begin: int
    end: int
    name: str


def read_names(path: Path) -> tuple[str, ...]:
    """Returns the names of the tensors of a file whose header fits it.

    Raises:
        OSError: It cannot be read, or is not a plain file.
        ValueError: The header is none, or lies about what follows; worded to follow "but".
    """
    with open_plain(path) as file:
        num_bytes = os.fstat(file.fileno()).st_size
        if num_bytes < _LENGTH.size:
            raise ValueError(f"it has {num_bytes} bytes")
        (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
        room = num_bytes - _LENGTH.size
        if length > min(room, MAX_HEADER_BYTES):
            raise ValueError(
                f"its header claims {length} bytes of {room}, and at most {MAX_HEADER_BYTES} are "
                "read"
            )
        header = parse_json(file.read(length))
    if not isinstance(header, dict):
        raise ValueError("its header holds no object")
    _check_metadata(header.get(_METADATA, {}))
    places = sorted(_places(header))
    _check_cover(places, room - length)
    return tuple(name for name in header if name != _METADATA)


def _check_metadata(metadata: object) -> None:
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ValueError(f"`{_METADATA}` in its header holds something else than texts")


def _places(header: JsonObject) -> Iterator[_Place]:
    for name, entry in header.items():
        if name != _METADATA:
            yield _place(name, entry)


def _place(name: str, entry: object) -> _Place:
    if not isinstance(entry, dict) or entry.keys() != _KEYS:
        raise ValueError(f"`{quote(name)}` in its header has other keys than {sorted(_KEYS)}")
    shape, offsets, dtype = entry["shape"], entry["data_offsets"], entry["dtype"]
    if not isinstance(dtype, str) or dtype not in _BITS:
        raise ValueError(f"`{quote(name)}` in its header has the dtype `{quote(dtype)}`")
    if not _are_sizes(shape) or len(shape) > _MAX_DIMENSIONS:
        raise ValueError(f"`{quote(name)}` in its header has the shape {quote(shape)}")
    if not _are_sizes(offsets) or len(offsets) != 2:
        raise ValueError(f"`{quote(name)}` in its header has the offsets {quote(offsets)}")
    begin, end = offsets
    if 8 * (end - begin) != math.prod(shape) * _BITS[dtype]:
        raise ValueError(
            f"`{quote(name)}` in its header is {quote(shape)} of {dtype}, but lies from byte "
            f"{begin} to {end}"
        )
    return _Place(begin, end, name)


def _are_sizes(values: object) -> bool:
    return isinstance(values, list) and all(
        type(value) is int and 0 <= value <= _MAX_NUMBER for value in values
    )


def _check_cover(places: list[_Place], num_bytes: int) -> None:
    """Refuses tensors that overlap, leave gaps, or reach beyond the file."""
    edges = [_Place(0, 0, ""), *places, _Place(num_bytes, num_bytes, "")]
    for before, after in pairwise(edges):
        if before.end != after.begin:
            where = f"`{quote(after.name)}`" if after.name else "the end of the file"
            raise ValueError(
                f"its tensors must follow each other: the one before {where} ends at byte "
                f"{before.end} of {num_bytes}, and {where} begins at {after.begin}"
            )
