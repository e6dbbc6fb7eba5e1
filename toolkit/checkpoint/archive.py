"""Finds the pieces of a checkpoint file: its pickle, and where each storage's bytes lie."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, Literal

from toolkit.checkpoint.legacy_format import looks_legacy, read_legacy
from toolkit.checkpoint.storages import Region
from toolkit.checkpoint.zip_format import looks_zip, read_zip
from toolkit.core.errors import BadInput

_LOOKALIKES = (
    (b"version https://git-lfs", "a Git LFS pointer; fetch the file itself with `git lfs pull`"),
    (b"<", "a web page; the download went wrong"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
)
"""What people hand over by mistake, by the first bytes."""


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
    raise BadInput(
        f"`{label}` is not a checkpoint: expected a file written by `torch.save`, found "
        f"{_describe(file, num_bytes)}. Check the path, or download the file again."
    )


def _describe(file: BinaryIO, num_bytes: int) -> str:
    if num_bytes == 0:
        return "an empty file"
    file.seek(0)
    start = file.read(512)
    for beginning, description in _LOOKALIKES:
        if start.startswith(beginning):
            return description
    if start[257:262] == b"ustar" or _is_old_tar(start):
        return "a tar archive, the format of torch before 0.1.10; save it again with a newer torch"
    return f"{num_bytes} bytes that begin with {start[:8]!r}"


def _is_old_tar(header: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True
