"""Writes every file of a Hugging Face folder but the model card."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from toolkit.checkpoint import Checkpoint
from toolkit.core.artifact import FileDigest
from toolkit.core.json import JsonObject
from toolkit.folder.background import Background
from toolkit.folder.contents import FolderContents
from toolkit.folder.shards import MAX_SHARD_BYTES
from toolkit.folder.weights import num_bytes_written, write_weights
from toolkit.mapping import Plan

Watch = Callable[[int, int], None]
"""Called several times a second with the bytes that are written and those that will be."""
WriteTokenizer = Callable[[FolderContents, Path], None]

_INTERVAL_S = 0.1


def write_folder(
    folder: Path,
    contents: FolderContents,
    plan: Plan,
    checkpoint: Checkpoint,
    *,
    write_tokenizer: WriteTokenizer,
    max_shard_bytes: int = MAX_SHARD_BYTES,
    watch: Watch | None = None,
) -> dict[str, FileDigest]:
    """Writes configurations, tokenizer and weights into an existing folder.

    Args:
        folder: Where the files go.
        contents: Everything but the weights.
        plan: What becomes of every tensor.
        checkpoint: Where the tensors come from.
        write_tokenizer: Writes the tokenizer's files.
        max_shard_bytes: Weights of one file; what is more is written in several.
        watch: Hears how far the weights are.

    Returns:
        The digests of the files of weights, made while they were written.

    Raises:
        BadInput: the sentencepiece model or the weights cannot be used, or the disk refuses.
    """
    total = num_bytes_written(plan, checkpoint)
    digests: dict[str, FileDigest] = {}
    with Background(
        lambda copied: write_weights(
            plan,
            checkpoint,
            folder,
            max_shard_bytes=max_shard_bytes,
            copied=copied,
            digests=digests,
        )
    ) as weights:
        _write_small(folder, contents, write_tokenizer)
        while not weights.wait(_INTERVAL_S):
            if watch is not None:
                watch(weights.num_bytes, total)
        weights.result()
    return digests


def _write_small(folder: Path, contents: FolderContents, write_tokenizer: WriteTokenizer) -> None:
    _write_json(folder / "config.json", contents.config)
    if contents.generation:
        _write_json(folder / "generation_config.json", contents.generation)
    if contents.preprocessor:
        _write_json(folder / "preprocessor_config.json", contents.preprocessor)
    write_tokenizer(contents, folder)
    if contents.processor:
        _write_json(folder / "processor_config.json", contents.processor)
    for name, source in contents.code.items():
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(source, folder / name)


def _write_json(path: Path, values: JsonObject) -> None:
    path.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8")
