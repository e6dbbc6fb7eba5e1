"""Signs of life: at once on a terminal, now and then in a log, none where quiet is asked for."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from toolkit.console import progress
from toolkit.console.progress import GREETING, SECONDS, greeting, progress_lines, showing_progress


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_log_hears_now_and_then_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    show = progress_lines(clock)
    for second in range(100):
        clock.now = float(second)
        show(f"comparing clip {second}", second, 100)
    assert capsys.readouterr().err.splitlines() == [
        f"{second} s: comparing clip {second} ({second}%)" for second in (30, 60, 90)
    ]
    assert SECONDS == 30.0


def test_what_has_no_end_is_said_without_a_share(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    show = progress_lines(clock)
    clock.now = 31.0
    show("searching", 0, 0)
    assert capsys.readouterr().err == "31 s: searching\n"


def test_a_log_is_not_greeted(capsys: pytest.CaptureFixture[str]) -> None:
    with greeting(quiet=False), showing_progress(quiet=False) as show:
        assert show is not None
    assert capsys.readouterr().err == ""


def test_who_wants_quiet_hears_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_is_terminal", lambda: True)
    with greeting(quiet=True), showing_progress(quiet=True) as show:
        assert show is None


def test_a_terminal_is_greeted_and_the_greeting_is_taken_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_is_terminal", lambda: True)
    with greeting(quiet=False):
        assert capsys.readouterr().err == GREETING
    assert capsys.readouterr().err == "\r\x1b[K"


WATCHED = """
import sys
import toolkit.console.progress as progress
write, heavy = progress._write, {"torch", "numpy", "rich"}
progress._write = lambda text: write(f"{bool(heavy & set(sys.modules))}:{text}")
"""
"""Says before every word whether anything heavy was imported."""


@pytest.mark.parametrize("command", ["verify", "diff", "faults", "convert"])
def test_a_command_greets_before_it_imports_anything_heavy(command: str, tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    watched = f"{WATCHED}\nfrom toolkit.cli import main\nmain()"
    words = [] if command == "faults" else ["nowhere.pt", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-c", watched, command, *words], stdout=follower, stderr=follower
    )
    os.close(follower)
    try:
        assert os.read(leader, 100).decode().startswith(f"False:{GREETING}")
    finally:
        process.terminate()
        process.wait(timeout=60)
        os.close(leader)
