"""Values in which tensors may stand at any depth, as modules take and give them."""

from __future__ import annotations

from typing import Any, Callable, List

import torch


def map_tensors(value: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """The same nest of lists, tuples and dictionaries with its tensors changed.

    Args:
        value: Whatever a module may take; other objects stay themselves.
        change: Makes one tensor of another.
    """
    if isinstance(value, torch.Tensor):
        return change(value)
    if type(value) in (list, tuple):
        items: List[Any] = [map_tensors(item, change) for item in value]
        return type(value)(items)
    if type(value) is dict:
        return {key: map_tensors(item, change) for key, item in value.items()}
    return value
