"""How wide the attention heads of a model are, as its modules say themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from toolkit.core.spec import TensorSpec
from toolkit.replay.pairs import owner

if TYPE_CHECKING:
    from torch import nn

COUNTS = ("num_heads", "num_attention_heads", "attention_heads", "n_head", "n_heads", "nhead")
"""What modules call their number of heads."""
NEAR = 2
"""How many modules above a tensor may be the one that knows."""


def head_widths(model: nn.Module, tensors: Mapping[str, TensorSpec]) -> dict[str, int]:
    """Rows per attention head of every tensor that a module with heads holds."""
    modules = dict(model.named_modules())
    found = {}
    for name, spec in tensors.items():
        heads = next(_heads_above(modules, name), 0)
        if heads > 1 and spec.shape and max(spec.shape) % heads == 0:
            found[name] = min(spec.shape) // heads if min(spec.shape) % heads == 0 else 0
    return {name: width for name, width in found.items() if width > 1}


def _heads_above(modules: Mapping[str, nn.Module], name: str) -> Iterator[int]:
    path = name
    for _ in range(NEAR):
        path = owner(path)
        for key in COUNTS:
            heads = getattr(modules.get(path), key, None)
            if isinstance(heads, int):
                yield heads
