"""One job in the process that does it: the command's own function, its result as data."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from toolkit.batch.kind import Answer
from toolkit.batch.kinds import kinds
from toolkit.batch.outcome import Cost, Outcome
from toolkit.core.errors import InternalError, ToolkitError
from toolkit.core.json import JsonObject
from toolkit.core.result import Result
from toolkit.session.groups import Request

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says where a disk, a share of it or a file may hold no more."""
PAGES = "reports"
"""Folder of the pages, in the results."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One job, as a process is told of it."""

    job: int
    address: str
    """Of all that it depends on."""
    kind: str
    request: Request
    checkpoint_sha256: str | None
    checkpoint_bytes: int
    results: Path
    """Where a page of it goes."""
    pages: str
    """Which results get one: `mismatch`, `all`, `none`."""
    clips_per_shard: int | None = None
    """Most clips of one process, where the kind can be cut; None for all."""

    @property
    def part(self) -> str:
        """Which part of the job it is; empty where it is all."""
        return ""

    def run(self) -> Outcome:
        """Does it."""
        return self.ended(kinds()[self.kind].run(self.request))

    def ended(self, answer: Answer) -> Outcome:
        """What the job came to; its page is written."""
        result = answer.to_dict()
        _expect_unchanged(self, result)
        return Outcome(ending="done", result=result, report=_maybe_page(self, answer))


def do(task: Task) -> Outcome:
    """Does a job; whatever becomes of it is an outcome."""
    return measured(task.run)


def measured(work: Callable[[], Outcome]) -> Outcome:
    """The outcome of some work with what it took; what it raises is an outcome too."""
    began, spent = time.perf_counter(), time.process_time()
    ended = _caught(work)
    return replace(
        ended,
        cost=Cost(
            seconds=time.perf_counter() - began,
            cpu_seconds=time.process_time() - spent,
            peak_bytes=_peak_bytes(),
        ),
    )


def _caught(work: Callable[[], Outcome]) -> Outcome:
    try:
        return work()
    except Exception as error:
        return _ended_by(error)


def _ended_by(error: Exception) -> Outcome:
    full = _maybe_full(error)
    if isinstance(error, ToolkitError) and not isinstance(error, InternalError):
        return Outcome(ending="refused", because=str(error))
    if full is not None:
        return Outcome(ending="refused", because=full)
    if isinstance(error, OSError):
        return Outcome(ending="died", because=f"The system says: {error}.")
    if isinstance(error, MemoryError):
        return Outcome(ending="died", because="`memory` must hold the models, but is too small.")
    return Outcome(ending="died", because=_fault(error))


def _maybe_full(error: Exception) -> str | None:
    """Why a job was refused whose disk takes no more; libraries say it in words of their own."""
    said = f"{error}"
    for code in NO_ROOM:
        if os.strerror(code) in said:
            return (
                "`disk` must have room for what the job writes, but the system says: "
                f"{' '.join(said.split())[:300]}. Make room, then do it with `--again`."
            )
    return None


def _fault(error: Exception) -> str:
    said = " ".join(str(error).split())[:300]
    return f"internal error: {type(error).__name__}: {said}. This is a fault of the toolkit."


def _expect_unchanged(task: Task, result: JsonObject) -> None:
    """Refuses a result of another file than the one that the job is known by."""
    found = result["source"]["sha256"]
    if found != task.checkpoint_sha256:
        raise OSError(
            f"`{result['source']['path']}` had the sha256 {task.checkpoint_sha256} when the job "
            f"was entered, and {found} when it was done"
        )


def _maybe_page(task: Task, answer: Answer) -> str | None:
    if not isinstance(answer, Result) or task.pages == "none":
        return None
    if task.pages == "mismatch" and answer.verdict != "mismatch":
        return None
    from toolkit.report.html import write_html

    name = f"{PAGES}/{task.job}.html"
    write_html(answer, task.results / name)
    return name


def _peak_bytes() -> int:
    """Resident memory of this process at its highest; 0 where the system does not say."""
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def bound_threads(threads: int) -> None:
    """Lets this process compute on so many cores; before torch is imported."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
