"""The command line that gives a result once more, with every option that bears on it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from toolkit.folder.shards import MAX_SHARD_BYTES
from toolkit.pipeline.origin import Origin
from toolkit.pipeline.prepare import Inputs

NOT_CARRIED = {
    "checkpoint": "stands first, without an option",
    "hf_dir": "stands second, without an option",
    "out": "stands second, without an option",
    "chosen": "a recording chooses it again",
    "folder_tags": "the folder says it again",
    "form": "the folder says it again",
    "verify": "what is repeated is always a proof",
    "reproduction": "is written after the verdict and must not exist",
    "fix": "is written after the verdict and must not exist",
    "progress": "shows, and changes nothing",
}
"""Parameters of commands that are no option of the line, and why."""


def command_line(
    command: str,
    folder: Path,
    inputs: Inputs,
    origin: Origin,
    *,
    audio: Sequence[Path] = (),
    beam: bool = True,
    max_shard_bytes: int = MAX_SHARD_BYTES,
) -> str:
    """Returns what a shell runs; what has its default is left out.

    Args:
        command: Such as `verify`.
        folder: The folder on trial, or to be written.
        inputs: What the user named of the checkpoint.
        origin: Whom the command asks, and where models run.
        audio: Clips that were named.
        beam: Whether searches with a beam are compared.
        max_shard_bytes: Weights of one file.
    """
    words = ["toolkit", command, _argument(inputs.checkpoint), _argument(folder)]
    for path in audio:
        words += ["--audio", str(path)]
    words += _option("beam", beam, default=True)
    words += _option("max_shard_bytes", max_shard_bytes, default=MAX_SHARD_BYTES)
    for given in (inputs, origin):
        words += _options(given)
    return shlex.join(words)


def _argument(path: Path) -> str:
    """A path that is not taken for an option."""
    text = str(path)
    return f"./{text}" if text.startswith("-") else text


def _options(given: Inputs | Origin) -> Iterator[str]:
    for field in fields(given):
        if field.name not in NOT_CARRIED:
            yield from _option(field.name, getattr(given, field.name), default=field.default)


def _option(name: str, value: Any, *, default: Any) -> list[str]:
    option = name.replace("_", "-")
    if value == default:
        return []
    if isinstance(value, bool):
        return [f"--{option}" if value else f"--no-{option}"]
    is_values = isinstance(value, Mapping)
    return [f"--{option}", json.dumps(dict(value)) if is_values else str(value)]
