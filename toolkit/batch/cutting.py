"""One large job as many tasks: an engine that cuts it, has another do the parts, and joins them."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TypeVar

from toolkit.batch.engine import Engine
from toolkit.batch.kinds import kinds
from toolkit.batch.outcome import Cost, Outcome
from toolkit.batch.parts import Judging, Measuring, Part, Planned, Planning
from toolkit.batch.work import Task

P = TypeVar("P", bound=Part)


@dataclass(kw_only=True)
class _Job:
    """How far a job is that is cut."""

    task: Task
    left: int = 1
    """Parts that are not ended."""
    total: int = 1
    """Parts that are known of."""
    cost: Cost = field(default_factory=Cost)
    failed: Outcome | None = None


class Cutting:
    """An engine whose tasks may be cut in parts, which another does."""

    def __init__(self, engine: Engine, report: Callable[[str], object] = lambda _: None) -> None:
        """Gives parts, and whole tasks, to `engine`; says after each part how many there are."""
        self.capacity = engine.capacity
        self._engine, self._report = engine, report
        self._waiting: deque[Task] = deque()
        self._flying = 0
        self._jobs: dict[int, _Job] = {}

    def submit(self, task: Task) -> None:
        """Takes a task."""
        if _is_cut(task):
            self._jobs[task.job] = _Job(task=task)
            task = _part(Planning, task)
        self._waiting.append(task)
        self._fill()

    def collect(self, timeout_s: float) -> Sequence[tuple[Task, Outcome]]:
        """What has ended as a whole."""
        ended = self._engine.collect(timeout_s)
        self._flying -= len(ended)
        whole = [pair for task, outcome in ended for pair in self._joined(task, outcome)]
        self._fill()
        return whole

    def _fill(self) -> None:
        while self._waiting and self._flying < self.capacity:
            self._flying += 1
            self._engine.submit(self._waiting.popleft())

    def _joined(self, part: Task, outcome: Outcome) -> Iterator[tuple[Task, Outcome]]:
        """The job with what it came to, if this was its last part."""
        if not isinstance(part, Part):
            yield part, outcome
            return
        job = self._jobs[part.job]
        job.left -= 1
        job.cost = _sum(job.cost, outcome.cost)
        if outcome.ending != "done":
            self._give_up(job, part, outcome)
        elif job.failed is None:
            self._add(job, list(_following(job, outcome)))
        self._show()
        if job.left == 0:
            del self._jobs[part.job]
            _tidy(part, job.failed)
            yield job.task, replace(job.failed or outcome, cost=job.cost)

    def _give_up(self, job: _Job, part: Part, outcome: Outcome) -> None:
        """Ends a job of which a part came to nothing, as soon as those that run have ended."""
        where = f"{part.part}: " if isinstance(part, Measuring) else ""
        told = Outcome(ending=outcome.ending, because=f"{where}{outcome.because}")
        job.failed = job.failed or told
        others = [task for task in self._waiting if task.job != job.task.job]
        job.left -= len(self._waiting) - len(others)
        self._waiting = deque(others)

    def _add(self, job: _Job, parts: Sequence[Part]) -> None:
        job.left += len(parts)
        job.total += len(parts)
        self._waiting.extend(parts)

    def _show(self) -> None:
        total = sum(job.total for job in self._jobs.values())
        ended = total - sum(job.left for job in self._jobs.values())
        self._report(f"{ended} of {total} parts of those that are cut")


def _following(job: _Job, outcome: Outcome) -> Iterator[Part]:
    """What is to be done when a part is done: what is left to measure, then the verdict."""
    total = outcome.shards if isinstance(outcome, Planned) else 0
    shards = [_part(Measuring, job.task, number=n, total=total) for n in range(total)]
    left = [one for one in shards if not one.shard_path(one.number).exists()]
    yield from left
    if not left and job.left == 0 and outcome.result is None:
        yield _part(Judging, job.task)


def _is_cut(task: Task) -> bool:
    cut = kinds()[task.kind].cut
    return task.clips_per_shard is not None and cut is not None and cut.fits(task.request)


def _part(kind: Callable[..., P], task: Task, **more: int) -> P:
    whole = {item.name: getattr(task, item.name) for item in fields(Task)}
    return kind(**whole, **more)


def _tidy(last: Part, failed: Outcome | None) -> None:
    """Removes what the parts of a job wrote, unless only some of them must be done again."""
    if failed is None or failed.ending != "died" or isinstance(last, Judging):
        shutil.rmtree(last.folder, ignore_errors=True)


def _sum(before: Cost, more: Cost) -> Cost:
    """What parts took together, which had their memory one after the other."""
    return Cost(
        seconds=before.seconds + more.seconds,
        cpu_seconds=before.cpu_seconds + more.cpu_seconds,
        peak_bytes=max(before.peak_bytes, more.peak_bytes),
    )
