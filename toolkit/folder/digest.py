"""One hash for a whole Hugging Face folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

MODEL_CARD = "README.md"


def folder_sha256(folder: Path, hashed: Callable[[int], None] = lambda _: None) -> str:
    """The sha256 over names and contents of the folder's files, but for the model card.

    The card carries the verdict, so it cannot take part in what the verdict is about.

    Args:
        folder: The folder.
        hashed: Called with the size of every chunk; what it raises ends the computation.
    """
    total = hashlib.sha256()
    files = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*")}
    for name, file in sorted(files.items()):
        if file.is_file() and name != MODEL_CARD:
            with file.open("rb") as stream:
                total.update(name.encode() + b"\0" + _digest(stream, hashed))
    return total.hexdigest()


def _digest(stream: BinaryIO, hashed: Callable[[int], None]) -> bytes:
    digest = hashlib.sha256()
    while chunk := stream.read(1 << 20):
        digest.update(chunk)
        hashed(len(chunk))
    return digest.digest()
