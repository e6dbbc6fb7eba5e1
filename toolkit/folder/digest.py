"""The hashes of a Hugging Face folder: of each file, and one for the whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from toolkit.checkpoint.plain_files import open_plain
from toolkit.core.artifact import FileDigest

MODEL_CARD = "README.md"
VERIFICATION = "verification.json"
ABOUT_THE_REST = (MODEL_CARD, VERIFICATION)
"""Carry the verdict, so that they cannot take part in what the verdict is about."""
BUFFER_BYTES = 1 << 20
"""Read at a time."""

Hashed = Callable[[int], None]
"""Called with the size of every chunk; what it raises ends the computation."""


def combine(digests: Mapping[str, FileDigest]) -> str:
    """One sha256 over the names and contents of files."""
    total = hashlib.sha256()
    for name, digest in sorted(digests.items()):
        total.update(os.fsencode(name) + b"\0" + bytes.fromhex(digest.sha256))
    return total.hexdigest()


def folder_digests(
    folder: Path,
    hashed: Hashed = lambda _: None,
    known: Mapping[str, FileDigest] = MappingProxyType({}),
) -> dict[str, FileDigest]:
    """The digest of every file but those about the rest, by its path in the folder.

    Args:
        folder: The folder.
        hashed: Called with the size of every chunk; what it raises ends the computation.
        known: Digests of files that were hashed while they were written, which are not read again.
    """
    files = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*")}
    left_out = {*ABOUT_THE_REST, *known}
    chosen = {name: file for name, file in files.items() if name not in left_out and file.is_file()}
    found = {**known, **digest_files(chosen, hashed)}
    return {name: found[name] for name in sorted(found)}


def digest_files(
    files: Mapping[str, Path], hashed: Hashed = lambda _: None
) -> dict[str, FileDigest]:
    """The digests of files, each of which is read once, in the order of their names.

    Args:
        files: Plain files, by their names.
        hashed: Called with the size of every chunk; what it raises ends the computation.

    Raises:
        OSError: one cannot be read, or is no plain file any more.
    """
    return {name: digest_file(files[name], hashed) for name in sorted(files)}


def digest_file(path: Path, hashed: Hashed = lambda _: None) -> FileDigest:
    """The digest of a plain file.

    Raises:
        OSError: it cannot be read, or is no plain file.
    """
    digest, buffer, num_bytes = hashlib.sha256(), memoryview(bytearray(BUFFER_BYTES)), 0
    with open_plain(path) as file:
        while count := file.readinto(buffer):  # type: ignore[attr-defined]
            digest.update(buffer[:count])
            num_bytes += count
            hashed(count)
    return FileDigest(sha256=digest.hexdigest(), num_bytes=num_bytes)
