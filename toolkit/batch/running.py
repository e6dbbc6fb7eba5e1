"""A batch: what is asked for and not there is done, each job once, whoever else works beside."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial

from toolkit.batch.ahead import Ahead, reading_ahead
from toolkit.batch.cutting import Cutting
from toolkit.batch.engine import Engine
from toolkit.batch.engines import started
from toolkit.batch.identity import Identity, identify, unreadable
from toolkit.batch.jobs import Job, read_jobs
from toolkit.batch.kinds import kinds
from toolkit.batch.ledger import Entry, Ledger, open_ledger
from toolkit.batch.outcome import Outcome
from toolkit.batch.work import PAGES, Task
from toolkit.core.batches import Summary
from toolkit.core.errors import BadInput
from toolkit.core.progress import Progress, silent
from toolkit.session.keywords import keywords_of
from toolkit.session.requests.batch import Batch

WAIT_S = 0.5
"""How long is waited for something to end, before others are looked after."""


@keywords_of(Batch)
def batch(request: Batch) -> Summary:
    """Does all jobs of a file that are not done yet, and keeps what they come to.

    Raises:
        BadInput: the file says what nothing understands, or the results cannot be written.
    """
    stages = [table.jobs() for table in read_jobs(request.jobs)]
    with open_ledger(request.results) as ledger:
        (request.results / PAGES).mkdir(exist_ok=True)
        tally = _Tally([job for jobs in stages for job in jobs], request.progress or silent)
        with started(request) as engine:
            for jobs in stages:
                _Stage(request, ledger, Cutting(engine, tally.show), tally).run(jobs)
        return ledger.summary(request.results, tally.done_now)


class _Tally:
    """How far a batch is, for who watches."""

    def __init__(self, jobs: Sequence[Job], report: Progress) -> None:
        self.done_now = 0
        self._jobs, self._total = len(jobs), sum(map(_size, jobs))
        self._ended = self._bytes = self._wrong = 0
        self._report = report

    def count(self, job: Job, outcome: Outcome | None = None) -> None:
        """Counts a job that ended, just now where it is told how."""
        self._ended += 1
        self._bytes += _size(job)
        if outcome is not None:
            self.done_now += 1
            self._wrong += outcome.ending != "done" or outcome.verdict == "mismatch"
        self.show()

    def show(self, further: str = "") -> None:
        """Says where the batch is, and how far jobs are that are cut."""
        wrong = f", {self._wrong} wrong" if self._wrong else ""
        said = f"{self._ended} of {self._jobs} jobs{wrong}{further and f', {further}'}"
        self._report(said, self._bytes, max(self._total, 1), "bytes")


class _Stage:
    """The jobs of one table; those of the next may need what they write."""

    def __init__(self, request: Batch, ledger: Ledger, engine: Engine, tally: _Tally) -> None:
        self._request, self._ledger = request, ledger
        self._engine, self._tally = engine, tally
        self._waiting: deque[tuple[Task, Job]] = deque()
        self._flying: dict[int, Job] = {}
        self._elsewhere: dict[int, tuple[Task, Job]] = {}
        """What another batch does, by the job's number."""

    def run(self, jobs: Sequence[Job]) -> None:
        """Does what is not done, and waits for what others do of it."""
        self._tally.show()
        with reading_ahead(self._ledger.known) as ahead:
            entering = self._enter(jobs, ahead)
            while self._fill(entering) or self._flying or self._elsewhere:
                for task, outcome in self._engine.collect(WAIT_S):
                    self._ledger.finish(task.job, outcome)
                    self._tally.count(self._flying.pop(task.job), outcome)
                if self._elsewhere and not self._flying:
                    self._look_after_others()

    def _enter(self, jobs: Sequence[Job], ahead: Ahead) -> Iterator[bool]:
        """Makes jobs known one after the other, as there is room for them.

        Yields:
            Whether one was; not while it is still read and others run, which are not to wait.
        """
        hashes = self._ledger.hashes(ahead.take)
        for job in ahead.over(jobs):
            while self._flying and not ahead.is_ready(job):
                yield False
            try:
                identity = identify(job, hashes)
            except BadInput as error:
                identity = unreadable(job, str(error))
            self._ledger.family(identity)
            self._sort(self._ledger.enter(identity, partial(self._is_stale, job)), identity)
            yield True

    def _sort(self, entry: Entry, identity: Identity) -> None:
        """Puts a job that is known now where it belongs."""
        task, job = self._task(entry.id, identity), identity.job
        if entry.state == "running":  # by another batch, or by this one for another name of it
            self._elsewhere[entry.id] = (task, job)
        elif entry.state != "waiting":
            self._tally.count(job)
        elif identity.checkpoint_sha256 is not None:
            self._waiting.append((task, job))
        elif self._ledger.claim(entry.id):
            refused = Outcome(ending="refused", because=identity.depends["because"])
            self._ledger.finish(entry.id, refused)
            self._tally.count(job, refused)

    def _is_stale(self, job: Job, state: str) -> bool:
        """Whether what became of a job counts no more."""
        if state == "done":
            return not kinds()[job.kind].is_there(job.request)
        return self._request.again and state in ("refused", "died")

    def _task(self, number: int, identity: Identity) -> Task:
        return Task(
            job=number,
            address=identity.address,
            kind=identity.job.kind,
            request=identity.job.request,
            checkpoint_sha256=identity.checkpoint_sha256,
            checkpoint_bytes=identity.checkpoint_bytes,
            results=self._request.results.absolute(),
            pages=self._request.reports,
            clips_per_shard=identity.job.clips_per_shard or self._request.clips_per_shard,
        )

    def _fill(self, entering: Iterator[bool]) -> bool:
        """Gives the engine what it can take; whether there was anything to give."""
        given = False
        while len(self._flying) < self._engine.capacity:
            if not self._waiting and not next(entering, False):
                break
            if self._waiting:
                given = True
                self._begin(*self._waiting.popleft())
        return given

    def _begin(self, task: Task, job: Job) -> None:
        if self._ledger.claim(task.job):
            self._flying[task.job] = job
            self._engine.submit(task)
        else:
            self._elsewhere[task.job] = (task, job)

    def _look_after_others(self) -> None:
        """Takes over what a batch that died had begun."""
        self._ledger.recover()
        for number, (task, job) in list(self._elsewhere.items()):
            state = self._ledger.state(number)
            if state != "running":
                del self._elsewhere[number]
                if state == "waiting":
                    self._waiting.append((task, job))
                else:
                    self._tally.count(job)
        if self._elsewhere and not self._waiting:
            time.sleep(WAIT_S)


def _size(job: Job) -> int:
    """Bytes of a job's checkpoint; none where it is gone."""
    with suppress(OSError):
        return os.stat(job.checkpoint).st_size
    return 0
