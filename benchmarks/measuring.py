"""Runs a command and says how long it took and how much memory it had."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

INTERVAL_S = 0.01


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of one command."""

    wall_s: float
    cpu_s: float
    peak_rss_bytes: int
    """Largest resident set as the kernel kept it, last read shortly before the end."""
    peak_anonymous_bytes: int
    """Largest sampled `RssAnon`: what cannot be evicted without swap."""


def measure(command: Sequence[str], *, accepted: Sequence[int] = (0,)) -> Run:
    """Runs a command to its end.

    Args:
        command: Its words.
        accepted: Exit codes of a command that did its work.

    Raises:
        CalledProcessError: the command fails.
    """
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    with _Sampled(process.pid) as sampled:
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in accepted:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Run(
        wall_s=wall_s,
        cpu_s=used.ru_utime + used.ru_stime,
        peak_rss_bytes=sampled.peak_bytes["VmHWM"],
        peak_anonymous_bytes=sampled.peak_bytes["RssAnon"],
    )


class _Sampled:
    """Watches a process's memory while the context lasts.

    `ru_maxrss` will not do: a child begins with its parent's.
    """

    def __init__(self, pid: int) -> None:
        self.peak_bytes = {"VmHWM": 0, "RssAnon": 0}
        self._status = Path(f"/proc/{pid}/status")
        self._ended = Event()
        self._thread = Thread(target=self._watch, daemon=True)

    def __enter__(self) -> _Sampled:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(INTERVAL_S):
            try:
                lines = self._status.read_text().splitlines()
            except OSError:
                return
            for line in lines:
                key, _, value = line.partition(":")
                if key in self.peak_bytes:
                    found = int(value.split()[0]) << 10
                    self.peak_bytes[key] = max(self.peak_bytes[key], found)
