"""Activations that one module may have in another's place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

Activation: TypeAlias = Callable[[Tensor], Tensor]


class Applied(nn.Module):
    """A function where a module has to stand."""

    def __init__(self, function: Activation) -> None:
        super().__init__()
        self.function = function

    def forward(self, inputs: Tensor) -> Tensor:
        """What the function makes of them."""
        return self.function(inputs)


def is_function(value: object) -> bool:
    """Whether something is called, but is no module."""
    return callable(value) and not isinstance(value, (nn.Module, type))


def is_activation(module: nn.Module) -> bool:
    """Whether it may be one: a leaf with nothing of its own, and no dropout."""
    has_parts = next(module.children(), None) is not None
    has_own = next(module.parameters(), next(module.buffers(), None)) is not None
    return not (has_parts or has_own or isinstance(module, nn.modules.dropout._DropoutNd))


def _gelu_tanh(inputs: Tensor) -> Tensor:
    return functional.gelu(inputs, approximate="tanh")


def _quick_gelu(inputs: Tensor) -> Tensor:
    return inputs * torch.sigmoid(1.702 * inputs)


def _nothing(inputs: Tensor) -> Tensor:
    return inputs


ACTIVATIONS: Mapping[str, Activation] = {
    "gelu": functional.gelu,
    "gelu (tanh)": _gelu_tanh,
    "quick_gelu": _quick_gelu,
    "relu": torch.relu,
    "silu": functional.silu,
    "tanh": torch.tanh,
    "no activation": _nothing,
}
"""By what people call them."""
