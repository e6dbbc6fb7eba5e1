"""Whether a folder is still the one that was proven."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from toolkit.core.origin import spelled
from toolkit.core.progress import silent
from toolkit.folder.digest import Hashed
from toolkit.proof.audited import Against, Audited
from toolkit.proof.auditing import audit_folder
from toolkit.proof.document import Verification
from toolkit.session.keywords import keywords_of
from toolkit.session.requests.audit import Audit


@keywords_of(Audit)
def audit(request: Audit) -> Audited:
    """Says whether a folder is still the one that was proven: every file, by its hash.

    Raises:
        BadInput: it is no folder, or nothing in it says what was proven; or the recording cannot
            be used, or is of another checkpoint; or the runner cannot be asked.
    """
    folder = request.hf_dir
    audited = audit_folder(folder, spelled(folder), request.seal, hashed=_counting(request))
    proven = audited.verification
    if request.recording is None or proven is None or audited.changes:
        return audited
    return replace(audited, against=_hold(request, request.recording, proven))


def _hold(request: Audit, recording: Path, proven: Verification) -> Against:
    """What the folder answers, or the runner that it was handed on to."""
    report = request.progress or silent
    if request.runner is None:
        from toolkit.pipeline.end_to_end import hold_against

        return hold_against(
            recording, request.hf_dir, proven, device=request.device, progress=report
        )
    from toolkit.pipeline.outside import hold_runner

    limit_s = request.runner_limit
    return hold_runner(
        recording, request.hf_dir, proven, request.runner, limit_s=limit_s, progress=report
    )


def _counting(request: Audit) -> Hashed:
    report, done = request.progress or silent, 0
    total = _num_bytes(request.hf_dir)

    def hashed(num_bytes: int) -> None:
        nonlocal done
        done += num_bytes
        report("reading the files", done, total, "bytes")

    return hashed


def _num_bytes(folder: Path) -> int:
    """About how much is to be read; who audits it says what cannot be."""
    try:
        return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    except OSError:
        return 0
