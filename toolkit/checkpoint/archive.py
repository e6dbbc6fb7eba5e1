"""Finds the pieces of a checkpoint file: its pickle, and where each storage's bytes lie."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, Literal

from toolkit.checkpoint.legacy_format import looks_legacy, read_legacy
from toolkit.checkpoint.lookalikes import HEAD_BYTES, see_start
from toolkit.checkpoint.storages import Region
from toolkit.checkpoint.zip_format import looks_zip, read_zip
from toolkit.core.errors import BadInput


@dataclass(frozen=True, kw_only=True)
class Archive:
    """The content of a checkpoint file without its tensor values."""

    format: Literal["zip", "legacy"]
    root: object
    """What the file's main pickle holds."""
    storages: Mapping[str, Region]


def read_archive(file: BinaryIO, *, label: str) -> Archive:
    """Returns the pieces of the checkpoint in an open file.

    Raises:
        BadInput: The file is neither of torch's two formats, or is damaged.
    """
    num_bytes = file.seek(0, io.SEEK_END)
    if looks_zip(file):
        root, storages = read_zip(file, num_bytes=num_bytes, label=label)
        return Archive(format="zip", root=root, storages=storages)
    if looks_legacy(file, num_bytes=num_bytes):
        root, storages = read_legacy(file, num_bytes=num_bytes, label=label)
        return Archive(format="legacy", root=root, storages=storages)
    found, then = _describe(file, num_bytes)
    raise BadInput(
        f"`{label}` is not a checkpoint: expected a file written by `torch.save`, found {found}. "
        f"{then}"
    )


def _describe(file: BinaryIO, num_bytes: int) -> tuple[str, str]:
    file.seek(0)
    start = file.read(HEAD_BYTES)
    seen = see_start(start, num_bytes)
    if seen is not None:
        return seen.what, seen.then
    unknown = f"{num_bytes} bytes that begin with {start[:8]!r}"
    return unknown, "Check the path, or download the file again."
