"""An exported checkpoint in words: what was written, and how fairseq opens it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from toolkit.core.counting import counted
from toolkit.core.coverage import Reason
from toolkit.core.result import Exported
from toolkit.core.slips import CONFIG
from toolkit.report.text import describe_bytes

MAX_KEPT = 3
"""Tensors that are told one by one."""


def describe_exported(exported: Exported) -> Iterator[str]:
    """What was written, and what of it the folder does not hold."""
    beside = f", with {', '.join(exported.beside)} beside it" if exported.beside else ""
    yield f"written: {exported.path} ({describe_bytes(exported.num_bytes)}){beside}"
    yield from (f"not in the folder: {line}" for line in describe_kept(exported.kept))


def describe_kept(kept: Sequence[Reason]) -> Iterator[str]:
    """Tensors that a folder does not hold, a few by name."""
    for reason in kept[:MAX_KEPT]:
        yield f"{reason.name}, {reason.because}"
    if len(kept) > MAX_KEPT:
        yield f"{counted(len(kept) - MAX_KEPT, 'tensors')} more"


def describe_opening(out: Path, *, has_words: bool, like: Path | None = None, own: str = "") -> str:
    """How fairseq opens a checkpoint, in Python.

    Args:
        out: The checkpoint.
        has_words: Whether its task reads a dictionary.
        like: The checkpoint that it is like: not all of them open without more arguments.
        own: What opens one of its kind where fairseq's loader does not; `{out}` stands for it, and
            `{config}` for the configuration beside it.
    """
    known = "" if like is None else f"# opens as {like.name} does\n"
    if own:
        return known + own.format(out=repr(str(out)), config=repr(str(out.parent / CONFIG)))
    data = f", arg_overrides={{'data': {str(out.parent)!r}}}" if has_words else ""
    return known + (
        "from fairseq.checkpoint_utils import load_model_ensemble_and_task\n"
        f"models, cfg, task = load_model_ensemble_and_task([{str(out)!r}]{data})\n"
    )
