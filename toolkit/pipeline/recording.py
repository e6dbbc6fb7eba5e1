"""Stores fairseq's side of a comparison in a folder, so that comparisons need no fairseq."""

from __future__ import annotations

from functools import partial

from toolkit.core.artifact import Artifact
from toolkit.core.origin import spelled
from toolkit.core.progress import silent
from toolkit.core.recording import Recording
from toolkit.pipeline.clips import clips_for
from toolkit.pipeline.preflight import expect_all_at_hand
from toolkit.pipeline.prepare import Inputs, prepare
from toolkit.session.keywords import keywords_of
from toolkit.session.requests.record import Record


@keywords_of(Record)
def record(request: Record) -> Recording:
    """Runs fairseq once and stores what `verify`, `diff` and `convert` ask of it.

    The folder appears whole or not at all.

    Raises:
        BadInput: a file or folder cannot be used, or fairseq is not installed.
        BrokenRule: the family's rules do not cover the checkpoint.
    """
    from toolkit.pipeline.elsewhere import record_here, record_there

    expect_all_at_hand(request)
    prepared = prepare(request.part(Inputs))
    clips = clips_for(prepared, request.named(prepared.task.kind.medium))
    python, report = request.fairseq_python, request.progress or silent
    record_with = record_here if python is None else partial(record_there, python=python)
    recorded = record_with(
        prepared, clips, rec_dir=request.rec_dir, user_dir=request.user_dir, progress=report
    )
    return Recording(
        source=Artifact(path=spelled(request.checkpoint), sha256=prepared.checkpoint.sha256()),
        path=str(request.rec_dir),
        num_bytes=sum(file.stat().st_size for file in request.rec_dir.iterdir()),
        clips=tuple((clip.name, clip.duration_s) for clip in clips),
        environment=recorded.index.environment,
    )
