"""What torch before 1.13 or 2.0 lacks, made of what torch 1.10 has."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import Any, Callable, Dict, Iterator, Tuple, Type

import numpy as np
import torch
from torch import nn

__all__ = [
    "HAS_KEYWORD_HOOKS",
    "HAS_MODES",
    "TorchFunctionMode",
    "intercepting",
    "to_bytes",
    "view_as",
]

try:
    from torch.overrides import TorchFunctionMode

    HAS_MODES = hasattr(TorchFunctionMode, "__enter__")
except ImportError:
    HAS_MODES = False

if not HAS_MODES:
    # Torch 1.12 has a class of that name with other manners.
    class TorchFunctionMode:  # type: ignore[no-redef]
        """A class to inherit from; `intercepting` does what the real one does."""


HAS_KEYWORD_HOOKS = tuple(int(part) for part in torch.__version__.split(".")[:2]) >= (2, 0)
"""Whether a hook can see the arguments that were passed by name."""

Kind = Type[torch.Tensor]
"""Tensors whose operations a mode computes."""


@contextmanager
def intercepting(model: nn.Module, mode: TorchFunctionMode) -> Iterator[None]:
    """Lets `mode.__torch_function__` take over torch while the context lasts.

    Where torch has no modes, what takes over is every operation that a parameter, a buffer or an
    input of the model has part in, and whatever comes of these; new tensors are made in float64.
    """
    if HAS_MODES:
        with mode:
            yield
        return
    with ExitStack() as stack:
        stack.callback(torch.set_default_dtype, torch.get_default_dtype())
        torch.set_default_dtype(torch.float64)
        kind = _make_kind(mode)
        stack.callback(_unwrap_attributes, kind, model)
        stack.enter_context(_members_as(kind, model))
        for handle in _hook_ends(kind, model):
            stack.callback(handle.remove)
        yield


def view_as(raw: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Bytes of shape (num_bytes,) as elements of another dtype, without a copy.

    Torch before 1.11 cannot do it by itself.
    """
    if raw.dtype is dtype:
        return raw
    size = torch.empty(0, dtype=dtype).element_size()
    if size == 1:
        return raw.view(dtype)
    flat = torch.from_numpy(raw.numpy().view(f"i{size}"))
    return flat.view(dtype)


def to_bytes(tensor: torch.Tensor) -> "np.ndarray[Any, np.dtype[np.uint8]]":
    """The values in row-major order, shape (num_bytes,); without a copy where they lie so."""
    values = tensor.detach().contiguous().reshape(-1)
    size = values.element_size()
    integers = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    return values.view(integers[size]).numpy().view(np.uint8)


def _make_kind(mode: Any) -> Kind:
    """A class of tensors whose every operation the mode computes."""

    class Intercepted(torch.Tensor):
        @classmethod
        def __torch_function__(
            cls,
            func: Callable[..., object],
            types: object,
            args: Tuple[object, ...] = (),
            kwargs: object = None,
        ) -> object:
            with torch._C.DisableTorchFunction():
                return _wrap(cls, mode.__torch_function__(func, types, args, kwargs))

    return Intercepted


def _wrap(kind: Kind, value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value if isinstance(value, kind) else value.as_subclass(kind)
    if type(value) in (list, tuple):
        return type(value)([_wrap(kind, item) for item in value])
    if type(value) is dict:
        return {key: _wrap(kind, item) for key, item in value.items()}
    return value


def _unwrap(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.as_subclass(torch.Tensor)
    if type(value) in (list, tuple):
        return type(value)([_unwrap(item) for item in value])
    if type(value) is dict:
        return {key: _unwrap(item) for key, item in value.items()}
    return value


@contextmanager
def _members_as(kind: Kind, model: nn.Module) -> Iterator[None]:
    """Parameters and buffers as that kind of tensor: weight norm multiplies nothing but them."""
    aside = []
    for module in model.modules():
        for members in (module._parameters, module._buffers):
            own: Dict[str, Any] = dict(members)
            aside.append((members, own))
    try:
        for members, own in aside:
            members.update({name: _wrap(kind, _plain(value)) for name, value in own.items()})
        yield
    finally:
        for members, own in aside:
            members.update(own)


def _unwrap_attributes(kind: Kind, model: nn.Module) -> None:
    """What a module made and kept, a mask of the future say, becomes a tensor like any other."""
    for module in model.modules():
        own = {key: value for key, value in vars(module).items() if isinstance(value, kind)}
        vars(module).update(_unwrap_here(own))


def _plain(value: Any) -> Any:
    return value.detach() if isinstance(value, torch.Tensor) else value


def _hook_ends(kind: Kind, model: nn.Module) -> Iterator[Any]:
    yield model.register_forward_pre_hook(lambda _, args: _wrap(kind, args))
    yield model.register_forward_hook(lambda _, _args, output: _unwrap_here(output))


def _unwrap_here(output: Any) -> Any:
    with torch._C.DisableTorchFunction():
        return _unwrap(output)
