"""As many threads as a model is worth, and no memory kept that nobody uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from toolkit.core.c_library import maybe_c_function
from toolkit.mapping import Plan

SMALL = 10_000_000
"""Parameters below which threads wait for each other longer than they work: on two busy cores a
model of 0.3 million replayed ten times slower with two threads than with one."""

M_MMAP_THRESHOLD = -3
"""A number of glibc's `mallopt`."""
RETURNED_BYTES = 1 << 23


def fitting_resources(plan: Plan) -> AbstractContextManager[None]:
    """Resources for the model that a plan makes; see `fitting_size`."""
    return fitting_size(sum(plan.targets[name].numel for name in plan.assignments))


@contextmanager
def fitting_size(parameters: int) -> Iterator[None]:
    """One torch thread for a small model while the context lasts, torch's own choice for others.

    For a large one, and from then on, freed blocks go back to the system at once: by itself glibc
    keeps all below 32 MB, and what lies between them keeps gigabytes from being used again.
    """
    import torch

    before = torch.get_num_threads()
    small = parameters < SMALL
    if not small:
        _return_freed_blocks()
    try:
        torch.set_num_threads(1 if small else before)
        yield
    finally:
        torch.set_num_threads(before)


def _return_freed_blocks() -> None:
    mallopt = maybe_c_function("mallopt")
    if mallopt is not None:  # other libraries than glibc have none
        mallopt(M_MMAP_THRESHOLD, RETURNED_BYTES)
