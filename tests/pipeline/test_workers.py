"""Processes that share work: in order, with their errors, and none left when it ends early."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import toolkit
from toolkit.core.errors import BadInput
from toolkit.pipeline import workers
from toolkit.pipeline.workers import share_among

SCRIPT = """
import signal, sys, time
from functools import partial
from pathlib import Path
from toolkit.pipeline.workers import share_among

def wait(folder, number):
    (folder / str(number)).touch()
    time.sleep(1)

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    list(share_among(2, partial(wait, Path(sys.argv[1])), range(50)))
"""


def halve(number: int) -> float:
    time.sleep(0.02 * (number % 3))
    return 6 / number


def die(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_outcomes_come_in_the_order_of_the_items() -> None:
    assert list(share_among(2, halve, [3, 2, 1, 6])) == [2, 3, 6, 1]
    assert multiprocessing.active_children() == []


def test_what_the_work_raises_is_raised_and_nobody_works_on() -> None:
    with pytest.raises(ZeroDivisionError):
        list(share_among(2, halve, [1, 0, *range(1, 100)]))
    assert multiprocessing.active_children() == []


def test_a_process_that_is_not_done_in_time_is_gone_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers, "PATIENCE_S", 0.0)
    with pytest.raises(ZeroDivisionError):
        list(share_among(2, halve, [0, *range(1, 100)]))
    assert multiprocessing.active_children() == []


def test_a_process_that_the_system_ends_is_no_fault_of_ours() -> None:
    with pytest.raises(BadInput, match="`--workers`"):
        list(share_among(2, die, [1, 2]))


def begin(tmp_path: Path) -> tuple[subprocess.Popen[str], Path]:
    """A process whose two workers are at work, each on a file of its own in a folder."""
    script, marks = tmp_path / "script.py", tmp_path / "marks"
    script.write_text(SCRIPT)
    marks.mkdir()
    process = subprocess.Popen(
        [sys.executable, str(script), str(marks)],
        env={**os.environ, "PYTHONPATH": str(Path(toolkit.__file__).parents[1])},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while len(list(marks.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    return process, marks


def test_an_interrupt_of_all_is_heard_by_one_and_ends_all(tmp_path: Path) -> None:
    process, marks = begin(tmp_path)
    os.killpg(process.pid, signal.SIGINT)
    # Ends when the last process that could write there is gone.
    _, said = process.communicate(timeout=30)
    assert said.count("Traceback") == 1  # this script's own
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert len(list(marks.iterdir())) < 50


def test_nobody_works_on_for_one_that_was_killed(tmp_path: Path) -> None:
    process, marks = begin(tmp_path)
    process.kill()
    process.communicate(timeout=30)
    assert len(list(marks.iterdir())) < 50
