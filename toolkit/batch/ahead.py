"""Files are hashed before a job needs their hashes, in threads: hashing lets others run."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress

from toolkit.batch.hashes import Known, Read, files_of, mark_of, read_now
from toolkit.batch.jobs import Job
from toolkit.batch.kinds import kinds
from toolkit.core.errors import BadInput

THREADS = 2
JOBS = 8
"""As many jobs ahead of the one that is entered."""


class Ahead:
    """What was read, or is being read, of jobs that come next."""

    def __init__(self, known: Known, pool: ThreadPoolExecutor, stopped: threading.Event) -> None:
        """Reads in `pool` what is not `known`, until it is stopped."""
        self._known, self._pool, self._stopped = known, pool, stopped
        self._reading: dict[str, Future[Read]] = {}

    def over(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """The jobs in their order, while files of the next ones are read."""
        coming: deque[Job] = deque()
        for job in jobs:
            self._begin(job)
            coming.append(job)
            if len(coming) > JOBS:
                yield coming.popleft()
        yield from coming

    def is_ready(self, job: Job) -> bool:
        """Whether nothing of a job is being read any more."""
        return all(self._reading[name].done() for name in _names_of(job) if name in self._reading)

    def take(self, name: str) -> Read | None:
        """What was read of a file; None where it was not, or could not be."""
        reading = self._reading.pop(name, None)
        if reading is None:
            return None
        with suppress(OSError, BadInput):
            return reading.result()
        return None

    def _begin(self, job: Job) -> None:
        with suppress(OSError):  # which its job will say better
            for name in _names_of(job):
                if name not in self._reading and self._known(name, mark_of(name)) is None:
                    self._reading[name] = self._pool.submit(read_now, name, self._stopped.is_set)


def _names_of(job: Job) -> Iterator[str]:
    """The files that may be large: the checkpoint, and those of a folder that is judged."""
    yield os.path.realpath(job.checkpoint)
    target = job.target
    if target is not None and kinds()[job.kind].writes is None and target.is_dir():
        yield from (os.path.realpath(path) for _, path in files_of(target))


@contextmanager
def reading_ahead(known: Known) -> Iterator[Ahead]:
    """Threads that read, which end with the context whatever they are at."""
    stopped = threading.Event()
    with ThreadPoolExecutor(THREADS, "hashing") as pool:
        try:
            yield Ahead(known, pool, stopped)
        finally:
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
