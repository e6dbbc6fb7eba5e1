"""What a result says of the checkpoint: the file, and what was read beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypedDict

from toolkit.core.artifact import Artifact, FileDigest
from toolkit.core.origin import spelled
from toolkit.folder.digest import digest_file
from toolkit.pipeline.prepare import Prepared


class ToldSource(TypedDict):
    """Fields of a result."""

    source: Artifact
    source_files: Mapping[str, FileDigest]


class Told(ToldSource):
    """Fields of a result of both sides."""

    target: Artifact
    target_files: Mapping[str, FileDigest]


def told_of_source(prepared: Prepared) -> ToldSource:
    """The checkpoint with the digests of its files, by the names of a result's fields.

    Raises:
        OSError: a companion cannot be read any more.
    """
    checkpoint = prepared.checkpoint
    own = FileDigest(sha256=checkpoint.sha256(), num_bytes=checkpoint.path.stat().st_size)
    beside = {path.name: digest_file(path) for path in companions(prepared)}
    return {
        "source": Artifact(path=spelled(checkpoint.path), sha256=own.sha256),
        "source_files": {checkpoint.path.name: own, **beside},
    }


def companions(prepared: Prepared) -> Iterator[Path]:
    """The files that were read beside the checkpoint."""
    found = (*prepared.sidecars.paths, *prepared.named_files)
    yield from dict.fromkeys(found)
