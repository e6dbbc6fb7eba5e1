"""Processes that share work, and are gone when it ends, however it ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import TypeVar

from toolkit.core.errors import BadInput

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

PATIENCE_S = 5.0
"""How long a process may take to end what it is at."""


def share_among(
    workers: int, work: Callable[[Item], Outcome], items: Sequence[Item]
) -> Iterator[Outcome]:
    """The outcome of every item in order, as soon as it and those before it are there.

    An interrupt reaches this process alone, which then ends the others.

    Args:
        workers: How many processes.
        work: Is imported by each; what it raises is raised here.
        items: Are sent to the processes.

    Raises:
        BadInput: the system ended a process.
    """
    others = set(multiprocessing.active_children())
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, spawning, initializer=end_with_parent) as pool:
        with _uninterrupted():
            waiting: list[Future[Outcome]] = [pool.submit(work, item) for item in items]
        try:
            for future in waiting:
                yield future.result()
        except BrokenProcessPool as error:
            raise BadInput(
                f"`{workers}` processes must live until the work is done, but the system ended "
                "one, as it does where memory is short. Take fewer with `--workers`."
            ) from error
        except BaseException:
            with _ended_in_time(set(multiprocessing.active_children()) - others):
                pool.shutdown(cancel_futures=True)
            raise


def end_with_parent() -> None:
    """Lets this process end when its parent does, be it killed and unable to say so."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


@contextmanager
def _ended_in_time(processes: Collection[BaseProcess]) -> Iterator[None]:
    """Lets processes finish what they are at, so that they leave nothing, but not for long."""
    ending = threading.Timer(PATIENCE_S, _end, [processes])
    ending.daemon = True
    ending.start()
    try:
        yield
    finally:
        ending.cancel()


def _end(processes: Collection[BaseProcess]) -> None:
    for process in processes:
        process.terminate()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Processes that are started within never hear of an interrupt."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
