"""Makes a model that asks for float32 inside compute in float64 throughout.

fairseq casts to float32 in its gelu, its softmax and its `Fp32LayerNorm` whatever the model's own
dtype is; transformers does so in places. In a float64 run that rounding would hide small faults.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, Optional, Tuple

import torch
from torch import nn
from torch.overrides import TorchFunctionMode


class Float64Mode(TorchFunctionMode):
    """While active, every request for float32 in a torch call is a request for float64."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Tuple[Any, ...],
        args: Tuple[Any, ...] = (),
        kwargs: Optional[Dict[str, Any]] = None,
    ) -> Any:
        """Calls `func` with float64 wherever float32 was named."""
        if func is torch.Tensor.float:
            func = torch.Tensor.double
        promoted = {key: _promote(value) for key, value in (kwargs or {}).items()}
        return func(*[_promote(value) for value in args], **promoted)


@contextmanager
def in_float64(model: nn.Module) -> Iterator[None]:
    """The model in float64 and back; float32 weights survive the round trip bit for bit."""
    try:
        model.double()
        with Float64Mode():
            yield
    finally:
        model.float()


def _promote(value: Any) -> Any:
    return torch.float64 if value is torch.float32 else value
