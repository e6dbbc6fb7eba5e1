"""Stores fairseq's side of a comparison in a folder, so that comparisons need no fairseq."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.audio import read_clips
from toolkit.core.recording import Recording
from toolkit.core.result import Artifact
from toolkit.pipeline.basics import Progress, silent
from toolkit.pipeline.clips import shortest_input
from toolkit.pipeline.prepare import Inputs, Material, prepare

if TYPE_CHECKING:
    from typing_extensions import Unpack


def record(
    checkpoint: Path,
    rec_dir: Path,
    *,
    audio: Sequence[Path] = (),
    fairseq_python: Path | None = None,
    user_dir: Path | None = None,
    progress: Progress | None = None,
    **material: Unpack[Material],
) -> Recording:
    """Runs fairseq once and stores what `verify`, `diff` and `convert` ask of it.

    Args:
        checkpoint: The fairseq file.
        rec_dir: The folder to write; must not exist. Appears whole or not at all.
        audio: Clips to record; the golden audio by default.
        fairseq_python: Python of the environment in which fairseq runs, if not this one.
        user_dir: Folder of a fork's own models and tasks, as fairseq's `--user-dir`.
        progress: Called before every step; hears how large the recording will be.
        material: What else is named; see `toolkit.pipeline.prepare.Material`.

    Raises:
        BadInput: a file or folder cannot be used, or fairseq is not installed.
        BrokenRule: the family's rules do not cover the checkpoint.
    """
    from toolkit.pipeline.elsewhere import record_here, record_there

    report = progress or silent
    prepared = prepare(Inputs(checkpoint=checkpoint, **material))
    clips = read_clips(audio, min_samples=shortest_input(prepared))
    if fairseq_python is None:
        recorded = record_here(prepared, clips, rec_dir, user_dir=user_dir, progress=report)
    else:
        recorded = record_there(
            prepared, clips, fairseq_python, rec_dir, user_dir=user_dir, progress=report
        )
    return Recording(
        source=Artifact(path=str(checkpoint), sha256=prepared.checkpoint.sha256()),
        path=str(rec_dir),
        num_bytes=sum(file.stat().st_size for file in rec_dir.iterdir()),
        clips=tuple((clip.name, clip.duration_s) for clip in clips),
        environment=recorded.index.environment,
    )
