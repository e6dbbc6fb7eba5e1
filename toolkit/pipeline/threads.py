"""As many torch threads as a model is worth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from toolkit.mapping import Plan

SMALL = 10_000_000
"""Parameters below which threads wait for each other longer than they work: on two busy cores a
model of 0.3 million replayed ten times slower with two threads than with one."""


@contextmanager
def fitting_threads(plan: Plan) -> Iterator[None]:
    """One thread for a small model while the context lasts, torch's own choice for others."""
    import torch

    before = torch.get_num_threads()
    small = sum(plan.targets[name].numel for name in plan.assignments) < SMALL
    try:
        torch.set_num_threads(1 if small else before)
        yield
    finally:
        torch.set_num_threads(before)
