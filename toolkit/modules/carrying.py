"""Carries the weights of one model over into another, by the rules that a comparison takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.core.counting import listed
from toolkit.core.errors import BadInput
from toolkit.folder.weights import target_tensor
from toolkit.modules.planning import Rules, as_table, plan_between, read_state

if TYPE_CHECKING:
    from torch import nn


def carry_weights(source: nn.Module, target: nn.Module, rules: Rules) -> None:
    """Writes into the target what the rules make of the source's tensors.

    Args:
        source: The model whose tensors are right.
        target: The model that is given them, in its own dtype and on its own device.
        rules: As `compare_modules` takes them.

    Raises:
        BadInput: the target has no tensor of a name or shape that the rules make; nothing is
            written then.
        BrokenRule: the rules do not cover the source's tensors exactly once.
    """
    import torch

    given, held = read_state(source), read_state(target)
    plan = plan_between(given, held, as_table(rules))
    unfit = [
        f"`{name}` of shape {spec.shape}"
        for name, spec in plan.targets.items()
        if name not in held or tuple(held[name].shape) != spec.shape
    ]
    if unfit:
        raise BadInput(
            f"`{type(target).__name__}` must have {listed(unfit)}, but has not. Correct the rules, "
            "or build the target otherwise."
        )
    with torch.no_grad():
        for name, assignment in plan.assignments.items():
            held[name].copy_(target_tensor(assignment, plan, given.__getitem__))
