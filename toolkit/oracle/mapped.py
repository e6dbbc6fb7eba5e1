"""Reads tensors from known places of a file: nothing is unpickled, so no code of it runs."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import Any, Callable, Dict, Mapping, Tuple

import numpy as np
import torch

from toolkit.oracle.old_torch import view_as
from toolkit.oracle.refusal import Refusal

ITEM_BYTES = {
    "float64": 8,
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "int64": 8,
    "int32": 4,
    "int16": 2,
    "int8": 1,
    "uint8": 1,
    "bool": 1,
}
_CHUNK_BYTES = 1 << 24


@dataclass(frozen=True)
class Place:
    """Where one tensor lies in a file."""

    stored: str
    """Name of the dtype in the file."""
    dtype: str
    """Name of the dtype that it is to have."""
    shape: Tuple[int, ...]
    stride: Tuple[int, ...]
    """In elements."""
    offset_bytes: int
    """From the start of the file."""

    @property
    def num_bytes(self) -> int:
        """What it spans in the file, with what lies in between."""
        if 0 in self.shape:
            return 0
        last = sum((size - 1) * step for size, step in zip(self.shape, self.stride))
        return (last + 1) * ITEM_BYTES[self.stored]


def read_places(path: str, places: Mapping[str, Place]) -> Dict[str, torch.Tensor]:
    """The tensors as views of the file, whose pages the system reads and drops at will.

    Writing to one changes a private copy, never the file.

    Raises:
        Refusal: a tensor reaches beyond the file's end.
    """
    raw = np.memmap(path, dtype=np.uint8, mode="c")
    beyond = [n for n, p in places.items() if p.offset_bytes + p.num_bytes > raw.size]
    if beyond:
        raise Refusal(
            f"`{path}` must hold {len(places)} tensors, but ends before {len(beyond)} of them: "
            f"`{'`, `'.join(beyond[:3])}`. Use the file that the recorder was made for."
        )
    return {name: _read(raw, place) for name, place in places.items()}


def expect_file(path: str, num_bytes: int, sha256: str, hashed: Callable[[int], None]) -> None:
    """Makes sure that a file is the one that is meant.

    Args:
        path: The file.
        num_bytes: Its size.
        sha256: Its digest in hexadecimal.
        hashed: Called with how many bytes have been read so far.

    Raises:
        Refusal: it is missing or another one.
    """
    try:
        found_bytes = os.stat(path).st_size
        found = sha256 if found_bytes != num_bytes else _digest(path, hashed)
    except OSError as error:
        raise Refusal(
            f"`{path}` must be the checkpoint, but cannot be read: {error.strerror}. Check the "
            "path."
        ) from error
    advice = "Use that file, or make a recorder for this one with `toolkit recorder`."
    if found_bytes != num_bytes:
        raise Refusal(
            f"`{path}` must be the checkpoint of {num_bytes} bytes that this recorder was made "
            f"for, but has {found_bytes} bytes. {advice}"
        )
    if found != sha256:
        raise Refusal(
            f"`{path}` must be the checkpoint with the sha256 {sha256} that this recorder was made "
            f"for, but has the sha256 {found}. {advice}"
        )


def _digest(path: str, hashed: Callable[[int], None]) -> str:
    digest, done = hashlib.sha256(), 0
    with open(path, "rb") as file:
        while True:
            chunk = file.read(_CHUNK_BYTES)
            if not chunk:
                return digest.hexdigest()
            digest.update(chunk)
            done += len(chunk)
            hashed(done)


def _read(raw: Any, place: Place) -> torch.Tensor:
    dtype = getattr(torch, place.dtype)
    if 0 in place.shape:
        return torch.empty(place.shape, dtype=dtype)
    part = raw[place.offset_bytes : place.offset_bytes + place.num_bytes]
    aligned = place.offset_bytes % ITEM_BYTES[place.stored] == 0
    values = torch.from_numpy(np.asarray(part) if aligned else np.array(part))
    # Any other byte in a bool tensor is undefined in torch.
    is_bool = place.stored == "bool"
    typed = values != 0 if is_bool else view_as(values, getattr(torch, place.stored))
    return typed.as_strided(place.shape, place.stride).to(dtype)
