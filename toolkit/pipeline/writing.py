"""Writes the folder that a prepared checkpoint becomes."""

from __future__ import annotations

from pathlib import Path

from toolkit.core.artifact import FileDigest
from toolkit.folder.shards import MAX_SHARD_BYTES
from toolkit.folder.write import Watch, write_folder
from toolkit.pipeline.prepare import Prepared


def write_converted(
    prepared: Prepared,
    folder: Path,
    *,
    max_shard_bytes: int = MAX_SHARD_BYTES,
    watch: Watch | None = None,
) -> dict[str, FileDigest]:
    """Writes everything but the model card into an existing folder.

    Args:
        prepared: The checkpoint.
        folder: Where the files go.
        max_shard_bytes: Weights of one file; what is more is written in several.
        watch: Hears how far the weights are.

    Returns:
        The digests of the files of weights, made while they were written.

    Raises:
        BadInput: the sentencepiece model or the weights cannot be used, or the disk refuses.
    """
    return write_folder(
        folder,
        prepared.task.contents,
        prepared.plan,
        prepared.checkpoint,
        write_tokenizer=prepared.task.kind.write_tokenizer,
        max_shard_bytes=max_shard_bytes,
        watch=watch,
    )
