"""Processes of a batch leave an interrupt to the one that started them."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from toolkit.batch.pool import without_interrupts

ASK = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"


def hears_none() -> bool:
    done = subprocess.run(
        [sys.executable, "-c", ASK], check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout == "True\n"


def test_what_is_started_within_hears_no_interrupt_and_what_comes_later_does() -> None:
    with without_interrupts():
        assert hears_none()
    assert not hears_none()


def test_where_a_system_cannot_block_signals_nothing_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(signal, "pthread_sigmask")
    with without_interrupts():
        pass
