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

EMPTY = {"seq_len_cached": 0, "cached_sequence_length": None}
"""What the length of a rotary table is before there is one: in fairseq, in transformers."""


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
    """The model in float64 and back; float32 weights survive the round trip bit for bit.

    Tables that a module makes for itself are put aside meanwhile, so that no float32 one serves the
    run where the module would make another, and what the run makes does not stay behind.
    """
    with _tables_aside(model):
        try:
            model.double()
            with Float64Mode():
                yield
        finally:
            model.float()


@contextmanager
def _tables_aside(model: nn.Module) -> Iterator[None]:
    aside = [(module, _tables(module), _buffers(module)) for module in model.modules()]
    try:
        for module, tables, _ in aside:
            vars(module).update({key: EMPTY[key] for key in EMPTY if key in tables})
        yield
    finally:
        for module, tables, buffers in aside:
            vars(module).update(tables)
            module._buffers.update(buffers)


def _tables(module: nn.Module) -> Dict[str, Any]:
    """Tensors that are plain attributes, with the lengths and whatever else is kept beside them."""
    kept = {key: value for key, value in vars(module).items() if not key.startswith("_")}
    has_table = any(key in EMPTY or isinstance(value, torch.Tensor) for key, value in kept.items())
    return kept if has_table else {}


def _buffers(module: nn.Module) -> Dict[str, Any]:
    names = module._non_persistent_buffers_set
    return {name: value for name, value in module._buffers.items() if name in names}


def _promote(value: Any) -> Any:
    return torch.float64 if value is torch.float32 else value
