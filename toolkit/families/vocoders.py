"""What stands beside a vocoder: its configuration, which says what no tensor does."""

from __future__ import annotations

from pathlib import Path

from toolkit.blocks.evidence import Facts
from toolkit.blocks.hifigan import DILATIONS, RATES, HifiGanBlock
from toolkit.checkpoint import Checkpoint
from toolkit.core.errors import BadInput, reason_of
from toolkit.core.json import JsonObject
from toolkit.folder.plain_json import read_json

CONFIG = "config.json"
MAX_CONFIG_BYTES = 1 << 18
MAX_RATE = 1 << 10
"""Of one layer that upsamples, and of a dilation: published ones have 16 at most."""


def loads_without_norms(checkpoint: Checkpoint) -> bool:
    """Whether the weight norms of the checkpoint are taken off before it is read: a vocoder's.

    fairseq itself does so, or computes the same weights at every call.
    """
    return HifiGanBlock(facts=Facts(checkpoint.tensors)).is_present


def entry_of(checkpoint: Checkpoint) -> str:
    """The entry of its file that a checkpoint has its tensors in: a vocoder's training names it."""
    return "generator" if loads_without_norms(checkpoint) else "model"


def vocoder_config(checkpoint: Path) -> Path:
    """The file beside a vocoder: the one of its own name, else `config.json`.

    Args:
        checkpoint: The vocoder; fairseq published `hifigan.json` beside `hifigan.bin`.
    """
    own = checkpoint.with_suffix(".json")
    return own if own.is_file() else checkpoint.parent / CONFIG


def read_vocoder_config(checkpoint: Path) -> JsonObject:
    """What the file beside a vocoder says.

    Args:
        checkpoint: The vocoder.

    Raises:
        BadInput: it cannot be read, or does not say what no tensor tells.
    """
    path = vocoder_config(checkpoint)
    try:
        said = read_json(path, max_bytes=MAX_CONFIG_BYTES)
    except (OSError, ValueError) as error:
        raise BadInput(
            f"`{path}` must be the vocoder's configuration, which says how far each of its layers "
            f"upsamples, but {reason_of(error)}. Put the one that came with it there."
        ) from error
    values = said if isinstance(said, dict) else {}
    missing = [name for name in (RATES, DILATIONS) if name not in values]
    if missing:
        raise BadInput(
            f"`{path}` must say {', '.join(f'`{name}`' for name in missing)}, which no tensor tells, "
            "but does not. Put the one that came with the vocoder there."
        )
    _expect_numbers(path, RATES, [values[RATES]])
    _expect_numbers(path, DILATIONS, values[DILATIONS])
    return dict(values)


def _expect_numbers(path: Path, name: str, lists: object) -> None:
    rows = lists if isinstance(lists, list) else [None]
    if not rows or not all(isinstance(row, list) and row and all(map(_fits, row)) for row in rows):
        raise BadInput(
            f"`{name}` in `{path}` must be whole numbers from 1 to {MAX_RATE}, in a list or lists of "
            f"them, but is {lists!s:.80}. Put the file that came with the vocoder there."
        )


def _fits(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_RATE
