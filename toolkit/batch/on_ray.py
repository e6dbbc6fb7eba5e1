"""Tasks on Ray: it places, retries and spills them; nothing of that is done here."""

from __future__ import annotations

import math
import os
import socket
import threading
from _thread import interrupt_main
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from toolkit.batch.engine import TRIES
from toolkit.batch.outcome import Outcome
from toolkit.batch.pool import describe_death, describe_overtime
from toolkit.batch.work import Task, bound_threads, do
from toolkit.core.errors import BadInput
from toolkit.session.requests.batch import Batch

if TYPE_CHECKING:
    from ray import ObjectRef

MEMORY_PER_BYTE = 2
"""Resident memory of a proof in times of the checkpoint's size: proofs of files of 3.2 and 3.8 GB
had 4.9 and 5.6 GB."""
MEMORY_BYTES = 1 << 30
"""What imports take beside."""
CORES = 1
PATIENCE_S = 10.0
"""How long a Ray elsewhere may take to answer."""
GRACE = 1.5
"""After so many times its limit, a job that does not listen is ended with its process."""


class Cluster:
    """A cluster that is connected to."""

    def __init__(self, cores: int, time_limit_s: int | None) -> None:
        """Gives tasks to Ray, which has `cores` in all; longer than the limit takes none."""
        import ray

        self.capacity = 2 * cores
        self._run = ray.remote(max_retries=TRIES - 1)(do_within)
        self._nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        self._limit_s = time_limit_s
        self._tasks: dict[ObjectRef, Task] = {}

    def submit(self, task: Task) -> None:
        """Takes a task, with what its checkpoint needs."""
        asked = fitting(resources(task), self._nodes)
        made = self._run.options(**asked).remote(task, self._limit_s)
        self._tasks[made] = task

    def collect(self, timeout_s: float) -> Sequence[tuple[Task, Outcome]]:
        """What has ended."""
        import ray

        waiting = list(self._tasks)
        if not waiting:
            return ()
        ready, _ = ray.wait(waiting, num_returns=len(waiting), timeout=0)
        if not ready:
            ready, _ = ray.wait(waiting, num_returns=1, timeout=timeout_s)
        return [(self._tasks.pop(each), _outcome(each)) for each in ready]


def resources(task: Task) -> dict[str, float]:
    """What Ray keeps free for a task, by the size of its checkpoint and the device it names."""
    on_gpu = str(vars(task.request).get("device", "cpu")).startswith("cuda")
    memory = MEMORY_BYTES + MEMORY_PER_BYTE * task.checkpoint_bytes
    return {"num_cpus": CORES, "memory": memory, "num_gpus": float(on_gpu)}


def fitting(asked: Mapping[str, float], nodes: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """No more of anything than the largest node has, as Ray would wait for it for ever.

    Args:
        asked: What a task needs, as `ray.remote` names it.
        nodes: What each node has, as `ray.nodes` names it.
    """
    names = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}
    largest = {name: max(node.get(names[name], 0.0) for node in nodes) for name in asked}
    return {name: min(amount, largest[name]) for name, amount in asked.items()}


def do_within(task: Task, limit_s: int | None) -> Outcome:
    """Does a job, unless it takes longer than its limit."""
    bound_threads(CORES)
    if limit_s is None:
        return do(task)
    timers = [
        threading.Timer(limit_s, interrupt_main),
        threading.Timer(math.ceil(GRACE * limit_s), os._exit, [1]),
    ]
    for timer in timers:
        timer.daemon = True
        timer.start()
    try:
        return do(task)
    except KeyboardInterrupt:
        return Outcome(ending="died", because=describe_overtime(limit_s))
    finally:
        for timer in timers:
            timer.cancel()


def _outcome(done: ObjectRef) -> Outcome:
    import ray

    try:
        outcome: Outcome = ray.get(done)
    except ray.exceptions.RayError as error:
        return Outcome(ending="died", because=describe_death(type(error).__name__))
    return outcome


@contextmanager
def on_ray(request: Batch) -> Iterator[Cluster]:
    """Ray at the address that is named, else a Ray of this machine alone.

    Raises:
        BadInput: it is not installed, or nobody answers there.
    """
    try:
        import ray
    except ImportError:
        raise BadInput(
            "`--engine ray` needs the package `ray`, but it is not installed. Install "
            "`fairseq-hf-toolkit[ray]`."
        ) from None
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        _expect_answer(request.address)
        ray.init(**_where(request), log_to_driver=False, logging_level="ERROR")
    except (OSError, ValueError, RuntimeError) as error:
        raise BadInput(
            f"`{request.address}` must be the address of a running Ray, but it says: "
            f"{' '.join(str(error).split())[:200]} Start one with `ray start --head`."
        ) from error
    try:
        yield Cluster(int(ray.cluster_resources().get("CPU", 1)), request.time_limit)
    finally:
        ray.shutdown()


def _expect_answer(address: str | None) -> None:
    """Asks whether anybody listens at HOST:PORT: Ray itself would ask for many minutes.

    Raises:
        OSError: nobody does.
    """
    if address is None:
        return
    place = urlsplit(address if "://" in address else f"//{address}")
    if place.hostname is not None and place.port is not None:
        socket.create_connection((place.hostname, place.port), timeout=PATIENCE_S).close()


def _where(request: Batch) -> dict[str, str | int | bool]:
    if request.address is not None:
        return {"address": request.address}
    workers = request.workers or os.cpu_count() or 1
    return {"num_cpus": workers, "include_dashboard": False}
