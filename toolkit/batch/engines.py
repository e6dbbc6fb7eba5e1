"""Which engine does the tasks of a batch."""

from __future__ import annotations

from contextlib import AbstractContextManager

from toolkit.batch.engine import Engine
from toolkit.session.requests.batch import Batch


def started(request: Batch) -> AbstractContextManager[Engine]:
    """The engine that is asked for, for as long as the context lasts.

    Raises:
        BadInput: it is not installed, or nobody answers at its address.
    """
    if request.engine == "ray":
        from toolkit.batch.on_ray import on_ray

        return on_ray(request)
    from toolkit.batch.pool import in_processes

    return in_processes(request)
