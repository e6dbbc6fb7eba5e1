"""Tasks in processes of this machine, each of which imports once what many tasks need."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, TimeoutError, wait
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from toolkit.batch.engine import TRIES
from toolkit.batch.outcome import Outcome
from toolkit.batch.work import Task, bound_threads, do
from toolkit.pipeline.workers import end_with_parent
from toolkit.session.requests.batch import Batch

if TYPE_CHECKING:
    from pebble import ProcessPool

BROKEN = RuntimeError
"""What a pool raises, and its tasks come to, once its processes died before they took one."""
MOST_AHEAD = 1
"""Tasks that wait for a process, so that none waits for a task."""


class Pool:
    """Processes that outlive neither this one nor the context that made them."""

    def __init__(
        self, make: Callable[[], ProcessPool], workers: int, time_limit_s: int | None
    ) -> None:
        """Gives tasks to what `make` makes; one that takes longer than `time_limit_s` is ended."""
        self.capacity = workers + MOST_AHEAD
        self._make, self._pool = make, make()
        self._time_limit_s = time_limit_s
        self._tasks: dict[Future[Outcome], Task] = {}
        self._deaths: Counter[tuple[int, str]] = Counter()

    def submit(self, task: Task) -> None:
        """Takes a task."""
        try:
            future = self._schedule(task)
        except BROKEN:
            self._replace()
            future = self._schedule(task)
        self._tasks[future] = task

    def collect(self, timeout_s: float) -> Sequence[tuple[Task, Outcome]]:
        """What has ended; a task whose process died is begun again, but not for ever."""
        if self._tasks and not self._pool.active:
            self._replace()
        done, _ = wait(self._tasks, timeout=timeout_s, return_when=FIRST_COMPLETED)
        found = [(task := self._tasks.pop(each), self._maybe_outcome(task, each)) for each in done]
        return [(task, outcome) for task, outcome in found if outcome is not None]

    def _maybe_outcome(self, task: Task, future: Future[Outcome]) -> Outcome | None:
        from pebble import ProcessExpired

        try:
            return future.result()
        except TimeoutError:
            return Outcome(ending="died", because=describe_overtime(self._time_limit_s))
        except ProcessExpired as error:
            return self._maybe_given_up(task, f"exit code {error.exitcode}")
        except (CancelledError, BROKEN):
            return self._maybe_given_up(task, "the last time before it began with it")

    def _maybe_given_up(self, task: Task, how: str) -> Outcome | None:
        """Begins a task again whose process died, unless that was its last try."""
        self._deaths[task.job, task.part] += 1
        if self._deaths[task.job, task.part] < TRIES:
            self.submit(task)
            return None
        return Outcome(ending="died", because=describe_death(how))

    def _schedule(self, task: Task) -> Future[Outcome]:
        with without_interrupts():
            made: Future[Outcome] = self._pool.schedule(do, args=[task], timeout=self._time_limit_s)
        return made

    def _replace(self) -> None:
        """Takes another pool for one that takes no more tasks, as its processes died idle."""
        self.stop()
        for future in self._tasks:
            if not future.done():
                future.set_exception(BROKEN())
        self._pool = self._make()

    def stop(self) -> None:
        """Ends all processes."""
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()


def describe_overtime(limit_s: int | None) -> str:
    """Why a task was given up that did not end."""
    return (
        f"The job must end within {limit_s} s, but did not. Give it longer with `--time-limit` "
        "and `--again`, or take fewer clips."
    )


def describe_death(how: str) -> str:
    """Why a task was given up whose process died each time."""
    return (
        f"The job's process must live until it is done, but the system ended it {TRIES} times "
        f"({how}), as it does where memory is short. Take fewer with `--workers`, and `--again`."
    )


@contextmanager
def in_processes(request: Batch) -> Iterator[Pool]:
    """A pool with as many processes as asked for, else one for each core."""
    from pebble import ProcessPool

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    workers = request.workers or cores or 1
    threads = max(1, (cores or 1) // workers)
    make = partial(
        ProcessPool,
        workers,
        initializer=_begin,
        initargs=[threads],
        context=multiprocessing.get_context("spawn"),
    )
    pool = Pool(make, workers, request.time_limit)
    try:
        yield pool
    finally:
        pool.stop()


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Threads and processes that are started within hear no Ctrl-C: this one alone answers it.

    The first task starts them, and one that is still importing would say where it was.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing.resource_tracker import ensure_running

    ensure_running()  # which lets them through again where it is started within
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(threads: int) -> None:
    """What a process of the pool does first: it keeps to its cores, and ends with its parent."""
    bound_threads(threads)
    end_with_parent()
