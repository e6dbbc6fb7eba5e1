"""Makes a model that holds and asks for float32 compute in float64 throughout.

fairseq casts to float32 in its gelu, its softmax and its `Fp32LayerNorm` whatever the model's own
dtype is; transformers does so in places. In a float64 run that rounding would hide small faults.
The weights stay in float32, and each is promoted where it is used: a model of a billion parameters
needs no second copy of itself.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Callable, Collection, Dict, Iterator, Optional, Tuple

import torch
from torch import nn
from torch.nn import functional

from toolkit.oracle.old_torch import TorchFunctionMode, intercepting

EMPTY = {"seq_len_cached": 0, "cached_sequence_length": None}
"""What the length of a rotary table is before there is one: in fairseq, in transformers."""

PART_ROWS = 384
"""Rows of a weight that are promoted at a time: a multiple of what matrix kernels take at once, so
that parts give bit for bit what the whole weight does, and few enough that they stay in a cache."""
AT_ONCE = 1 << 21
"""Elements that are promoted at a time at most: 16 MB."""

PASSIVE = {
    *("__get__", "__set__", "__len__", "size", "dim", "ndimension", "numel", "nelement", "stride"),
    *("storage_offset", "data_ptr", "is_contiguous", "is_floating_point", "is_complex"),
    *("element_size", "get_device", "requires_grad_", "untyped_storage"),
}
"""What asks a tensor about itself and computes nothing."""


CASTS = {
    torch.Tensor.float: torch.float32,
    torch.Tensor.half: torch.float16,
    torch.Tensor.bfloat16: torch.bfloat16,
}
"""What makes a narrow tensor, by its dtype."""


class Float64Mode(TorchFunctionMode):
    """While active, torch computes in float64 what it would have computed in float32.

    Args:
        narrow: Further dtypes that are promoted: those of a model's own weights.
    """

    def __init__(self, narrow: Collection[torch.dtype] = ()) -> None:
        super().__init__()
        self._narrow = {torch.float32, *narrow}
        self._scratch: Optional[torch.Tensor] = None
        """Where weights are promoted, shape (AT_ONCE,); kept, as giving room back leaves gaps."""

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
            return self._promote_dtype(func(*args, **named))
        if func is functional.embedding:
            return self._promote(func(*args, **named))
        if CASTS.get(func) in self._narrow:
            func = torch.Tensor.double
        if func is torch.full and "dtype" not in named:
            return self._promote(func(*args, **named, dtype=_dtype_of_fill(*args[1:2], **named)))
        promoted = {key: self._promote(value) for key, value in named.items()}
        if func in (functional.linear, torch._C._nn.linear) and _has_weight(args):
            return self._linear(self._promote(args[0]), *args[1:], **named)
        return self._promote(func(*[self._promote(value) for value in args], **promoted))

    def _linear(
        self, inputs: torch.Tensor, weight: torch.Tensor, bias: Optional[torch.Tensor] = None
    ) -> torch.Tensor:
        """A linear map whose weight is promoted in parts."""
        rows = min(PART_ROWS, max(AT_ONCE // max(weight.shape[1], 1), 1))
        flat = inputs.reshape(-1, weight.shape[1])
        outputs = flat.new_empty(flat.shape[0], weight.shape[0])
        for start in range(0, weight.shape[0], rows):
            part = slice(start, start + rows)
            promoted, into = self._promoted(weight[part]).t(), outputs[:, part]
            if bias is None:
                torch.mm(flat, promoted, out=into)
            else:
                torch.addmm(bias[part].double(), flat, promoted, out=into)
        return outputs.view(*inputs.shape[:-1], weight.shape[0])

    def _promote(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return value.double() if value.dtype in self._narrow else value
        if type(value) in (list, tuple):
            return type(value)([self._promote(item) for item in value])
        return self._promote_dtype(value)

    def _promote_dtype(self, value: Any) -> object:
        is_narrow = isinstance(value, torch.dtype) and value in self._narrow
        return torch.float64 if is_narrow else value

    def _promoted(self, part: torch.Tensor) -> torch.Tensor:
        if self._scratch is None or self._scratch.device != part.device:
            self._scratch = torch.empty(AT_ONCE, dtype=torch.float64, device=part.device)
        return self._scratch[: part.numel()].view(part.shape).copy_(part)


@contextmanager
def in_float64(model: nn.Module) -> Iterator[None]:
    """The model computing in float64 while the context lasts; its weights are not touched.

    So does one that holds its weights in half precision.

    Tables that a module makes for itself are put aside meanwhile, so that no float32 one serves the
    run where the module would make another, and what the run makes does not stay behind.
    """
    narrow = {weight.dtype for weight in model.parameters()} & set(CASTS.values())
    with _tables_aside(model), intercepting(model, Float64Mode(narrow)):
        yield


def doubled(source: torch.Tensor) -> torch.Tensor:
    """A network's input in float64; ids are what they are."""
    return source.double() if source.is_floating_point() else source


@contextmanager
def as_it_is() -> Iterator[None]:
    """Torch without a word in between, inside `in_float64`: what only compares needs no promotion.

    Every operation would otherwise pass through Python, which takes longer than small ones do.
    """
    with torch._C.DisableTorchFunction():
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


def _dtype_of_fill(fill_value: object, **_: object) -> Optional[torch.dtype]:
    """What a tensor of a number is: float32 may be too narrow for the least of float64."""
    return torch.float64 if isinstance(fill_value, float) else None


def _has_weight(args: Tuple[Any, ...]) -> bool:
    if len(args) < 2 or args[1].dim() != 2 or torch.is_grad_enabled():
        return False
    fits = args[0].shape[-1:] == args[1].shape[1:]  # torch says best what does not
    return bool(fits and args[1].dtype is torch.float32 and args[1].shape[1] <= AT_ONCE)
