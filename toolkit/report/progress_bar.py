"""How far a command is, on a terminal: steps as a share, bytes with rate and time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

Show = Callable[..., None]
"""Takes what is being done, how much of it is done, how much there is, and the unit."""

_BESIDE = 56
"""Columns of what stands beside the words: the bar, the amount, the rate and the time left."""
_NARROWEST = 12


@contextmanager
def progress_bar(console: Console) -> Iterator[Show]:
    """A bar that is gone at the end of the context."""
    room = max(console.width - _BESIDE, _NARROWEST)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        _Only("steps", TaskProgressColumn()),
        _Only("bytes", DownloadColumn()),
        _Only("bytes", TransferSpeedColumn()),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None, unit="steps")

        def show(what: str, done: int, total: int, unit: str = "steps") -> None:
            what = what if len(what) <= room else f"{what[: room - 1]}…"
            if unit != bar.tasks[0].fields["unit"]:
                # The rate of one says nothing about the other.
                bar.reset(task, description=what, completed=done, total=total, unit=unit)
            bar.update(task, description=what, completed=done, total=total)

        yield show


class _Only(ProgressColumn):
    """A column that stands for tasks of one unit alone."""

    def __init__(self, unit: str, column: ProgressColumn) -> None:
        self._unit = unit
        self._column = column
        super().__init__()

    def render(self, task: Task) -> Text:
        """The column, or nothing."""
        if task.fields["unit"] != self._unit:
            return Text("")
        rendered = self._column(task)
        return rendered if isinstance(rendered, Text) else Text(str(rendered))
