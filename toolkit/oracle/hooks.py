"""Records what every module of a model receives and returns. Serves both sides of a comparison."""

from __future__ import annotations

import inspect
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Mapping, Tuple

import torch
from torch import nn

from toolkit.oracle.shelf import Shelf, keep_all

Tensors = Dict[str, torch.Tensor]
"""Tensors of a nested value by their path: `encoder_out.encoder_out.0`."""


@dataclass(frozen=True)
class Call:
    """One call of one module. All tensors are copies: later in-place changes do not show."""

    arguments: Mapping[str, Any]
    """The call's arguments by parameter name, tensors copied, everything else as it was."""
    outputs: Tensors

    @property
    def inputs(self) -> Tensors:
        """The tensors among the arguments."""
        return flatten(self.arguments)


Calls = Dict[str, List[Call]]
"""The calls of each module, by the module's path."""


@contextmanager
def recording(model: nn.Module) -> Iterator[Calls]:
    """Records every call of every module of `model` while the context lasts.

    The hooks are removed whatever happens inside the context.

    Args:
        model: Its own call is recorded under the empty path.

    Yields:
        The calls so far; complete when the context ends.
    """
    calls: Calls = {}
    shelf = Shelf()
    with ExitStack() as stack:
        for path, module in model.named_modules():
            for handle in _hook(module, path, calls, shelf):
                stack.callback(handle.remove)
        yield calls


def flatten(value: Any, path: str = "") -> Tensors:
    """The tensors in a nest of mappings, sequences and model outputs, by path."""
    if isinstance(value, torch.Tensor):
        return {path: value}
    if isinstance(value, Mapping):
        items = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, (list, tuple)):
        items = [(str(index), item) for index, item in enumerate(value)]
    else:
        return {}
    found: Tensors = {}
    for key, item in items:
        found.update(flatten(item, path + "." + key if path else key))
    return found


def bind(module: nn.Module, args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> Dict[str, Any]:
    """The arguments of a call by parameter name, without defaults that were not passed."""
    bound = inspect.signature(module.forward).bind(*args, **kwargs)
    arguments: Dict[str, Any] = {}
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            arguments.update(value)
        else:
            arguments[name] = value
    return arguments


def _hook(module: nn.Module, path: str, calls: Calls, shelf: Shelf) -> Iterator[Any]:
    pending: List[Dict[str, Any]] = []

    def before(_: nn.Module, args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> None:
        with torch._C.DisableTorchFunction():
            pending.append(keep_all(shelf, bind(module, args, kwargs)))

    def after(_: nn.Module, _args: Any, _kwargs: Any, output: Any) -> None:
        with torch._C.DisableTorchFunction():
            outputs = {key: shelf.keep(tensor) for key, tensor in flatten(output).items()}
        calls.setdefault(path, []).append(Call(arguments=pending.pop(), outputs=outputs))

    yield module.register_forward_pre_hook(before, with_kwargs=True)
    yield module.register_forward_hook(after, with_kwargs=True)
