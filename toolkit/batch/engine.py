"""Who does tasks, whatever it is: processes of this machine, or Ray."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from toolkit.batch.outcome import Outcome
from toolkit.batch.work import Task

TRIES = 3
"""How often a task is begun whose process dies."""


class Engine(Protocol):
    """Takes tasks, and gives their outcomes in the order in which they end."""

    capacity: int
    """How many tasks it can use at a time."""

    def submit(self, task: Task) -> None:
        """Takes a task."""
        ...

    def collect(self, timeout_s: float) -> Sequence[tuple[Task, Outcome]]:
        """What has ended; waits for so many seconds if nothing has."""
        ...
