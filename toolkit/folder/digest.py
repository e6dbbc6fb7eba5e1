"""The hashes of a Hugging Face folder: of each file, and one for the whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from toolkit.checkpoint.plain_files import open_plain
from toolkit.core.artifact import FileDigest

MODEL_CARD = "README.md"
VERIFICATION = "verification.json"
ABOUT_THE_REST = (MODEL_CARD, VERIFICATION)
"""Carry the verdict, so that they cannot take part in what the verdict is about."""
_BUFFER_BYTES = 1 << 20

Hashed = Callable[[int], None]
"""Called with the size of every chunk; what it raises ends the computation."""


def combine(digests: Mapping[str, FileDigest]) -> str:
    """One sha256 over the names and contents of files."""
    total = hashlib.sha256()
    for name, digest in sorted(digests.items()):
        total.update(os.fsencode(name) + b"\0" + bytes.fromhex(digest.sha256))
    return total.hexdigest()


def folder_digests(
    folder: Path, hashed: Hashed = lambda _: None, workers: int = 1
) -> dict[str, FileDigest]:
    """The digest of every file but those about the rest, by its path in the folder.

    Args:
        folder: The folder.
        hashed: Called with the size of every chunk; what it raises ends the computation.
        workers: How many files are read at once.
    """
    files = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*")}
    chosen = {n: file for n, file in files.items() if n not in ABOUT_THE_REST and file.is_file()}
    return digest_files(chosen, hashed, workers)


def digest_files(
    files: Mapping[str, Path], hashed: Hashed = lambda _: None, workers: int = 1
) -> dict[str, FileDigest]:
    """The digests of files, each of which is read once; the largest first.

    Args:
        files: Plain files, by their names.
        hashed: Called with the size of every chunk; what it raises ends the computation.
        workers: How many are read at once: hashing leaves Python to others.

    Raises:
        OSError: one cannot be read, or is no plain file any more.
    """
    order = sorted(files, key=lambda name: (-files[name].stat().st_size, name))
    with ThreadPoolExecutor(max_workers=workers) as pool:
        read = pool.map(lambda name: digest_file(files[name], hashed), order)
        found = dict(zip(order, read, strict=True))
    return {name: found[name] for name in sorted(files)}


def digest_file(path: Path, hashed: Hashed = lambda _: None) -> FileDigest:
    """The digest of a plain file.

    Raises:
        OSError: it cannot be read, or is no plain file.
    """
    digest, buffer, num_bytes = hashlib.sha256(), memoryview(bytearray(_BUFFER_BYTES)), 0
    with open_plain(path) as file:
        while count := file.readinto(buffer):  # type: ignore[attr-defined]
            digest.update(buffer[:count])
            num_bytes += count
            hashed(count)
    return FileDigest(sha256=digest.hexdigest(), num_bytes=num_bytes)
