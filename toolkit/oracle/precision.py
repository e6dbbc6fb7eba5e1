"""Makes a model that holds and asks for float32 compute in float64 throughout.

fairseq casts to float32 in its gelu, its softmax and its `Fp32LayerNorm` whatever the model's own
dtype is; transformers does so in places. In a float64 run that rounding would hide small faults.
The weights stay in float32, and each is promoted where it is used: a model of a billion parameters
needs no second copy of itself.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, Optional, Tuple

import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

EMPTY = {"seq_len_cached": 0, "cached_sequence_length": None}
"""What the length of a rotary table is before there is one: in fairseq, in transformers."""

AT_ONCE = 1 << 22
"""Elements of a weight that are promoted at a time."""

PASSIVE = {
    *("__get__", "__set__", "__len__", "size", "dim", "ndimension", "numel", "nelement", "stride"),
    *("storage_offset", "data_ptr", "is_contiguous", "is_floating_point", "is_complex"),
    *("element_size", "get_device", "requires_grad_", "untyped_storage"),
}
"""What asks a tensor about itself and computes nothing."""


class Float64Mode(TorchFunctionMode):
    """While active, torch computes in float64 what it would have computed in float32."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Tuple[Any, ...],
        args: Tuple[Any, ...] = (),
        kwargs: Optional[Dict[str, Any]] = None,
    ) -> Any:
        """Calls `func` with float64 wherever float32 was given or named."""
        named = kwargs or {}
        if getattr(func, "__name__", "") in PASSIVE:
            return _promote_dtype(func(*args, **named))
        if func is functional.embedding:
            return _promote(func(*args, **named))
        if func is torch.Tensor.float:
            func = torch.Tensor.double
        promoted = {key: _promote(value) for key, value in named.items()}
        if func in (functional.linear, torch._C._nn.linear) and _is_large(args):
            return _linear(_promote(args[0]), *args[1:], **named)
        return _promote(func(*[_promote(value) for value in args], **promoted))


@contextmanager
def in_float64(model: nn.Module) -> Iterator[None]:
    """The model computing in float64 while the context lasts; its weights are not touched.

    Tables that a module makes for itself are put aside meanwhile, so that no float32 one serves the
    run where the module would make another, and what the run makes does not stay behind.
    """
    with _tables_aside(model), Float64Mode():
        yield


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
    if isinstance(value, torch.Tensor):
        return value.double() if value.dtype is torch.float32 else value
    if type(value) in (list, tuple):
        return type(value)([_promote(item) for item in value])
    return _promote_dtype(value)


def _promote_dtype(value: Any) -> Any:
    return torch.float64 if value is torch.float32 else value


def _is_large(args: Tuple[Any, ...]) -> bool:
    return len(args) > 1 and bool(args[1].dtype is torch.float32 and args[1].numel() > AT_ONCE)


def _linear(
    inputs: torch.Tensor, weight: torch.Tensor, bias: Optional[torch.Tensor] = None
) -> torch.Tensor:
    """A linear map with a weight too large to be promoted as a whole."""
    rows = max(AT_ONCE // weight.shape[1], 1)
    parts = [functional.linear(inputs, part.double()) for part in torch.split(weight, rows)]
    outputs = torch.cat(parts, dim=-1)
    return outputs if bias is None else outputs + bias.double()
