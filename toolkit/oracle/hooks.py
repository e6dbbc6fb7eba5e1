"""Records what every module of a model receives and returns. Serves both sides of a comparison."""

from __future__ import annotations

import inspect
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Callable, Collection, Dict, Iterator, List, Mapping, Optional, Tuple

import torch
from torch import nn

from toolkit.oracle.nests import map_tensors
from toolkit.oracle.old_torch import HAS_KEYWORD_HOOKS
from toolkit.oracle.pages import ENOUGH_WITHIN_BYTES, hand_back, let_go
from toolkit.oracle.shelf import Shelf

Tensors = Dict[str, torch.Tensor]
"""Tensors of a nested value by their path: `encoder_out.encoder_out.0`."""


@dataclass(frozen=True)
class Call:
    """One call of one module. All tensors are copies: later in-place changes do not show."""

    arguments: Mapping[str, Any]
    """The call's arguments by parameter name, tensors copied, everything else as it was."""
    outputs: Tensors
    """The first tensor of what was returned, and every further one that is not of real numbers."""

    @property
    def inputs(self) -> Tensors:
        """The tensors among the arguments."""
        return flatten(self.arguments)


Calls = Dict[str, List[Call]]
"""The calls of each module, by the module's path."""


class ShelvedCalls(Dict[str, List[Call]]):
    """Calls whose large tensors lie in files; they take memory from when they are looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.shelf = Shelf()


def rest(calls: Calls) -> None:
    """Takes what was looked at out of memory again; it can be looked at as before."""
    if isinstance(calls, ShelvedCalls):
        calls.shelf.rest()


@contextmanager
def recording(
    model: nn.Module,
    only: Optional[Collection[str]] = None,
    given: Optional[Callable[[torch.Tensor], torch.Tensor]] = None,
    made: Optional[Callable[[str, Tensors], Optional[Tensors]]] = None,
) -> Iterator[Calls]:
    """Records every call of the modules of `model` while the context lasts.

    The hooks are removed whatever happens inside the context. Weights that are views of a file take
    memory while a module reads them, not longer.

    Args:
        model: Its own call is recorded under the empty path.
        only: Paths of the modules to record; None records all.
        given: What is kept of a tensor among the arguments; a copy by default.
        made: What is kept of the outputs of the module of a path; copies by default, or for None.

    Yields:
        The calls so far; complete when the context ends.
    """
    hand_back()
    let_go()
    calls = ShelvedCalls()
    with ExitStack() as stack:
        for path, module in model.named_modules():
            if only is not None and path not in only:
                continue
            for handle in _hook(module, path, calls, given or calls.shelf.keep, made):
                stack.callback(handle.remove)
        yield calls


def flatten(value: object, path: str = "") -> Tensors:
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


def told(output: object) -> Tensors:
    """What a comparison looks at of what a module returned: its first tensor, and masks.

    Others are what it happens to return beside: attention maps above all, which take memory with
    the square of a clip's length.
    """
    tensors = flatten(output)
    return {
        key: tensor
        for number, (key, tensor) in enumerate(tensors.items())
        if number == 0 or not tensor.is_floating_point()
    }


def bind(
    module: nn.Module, args: Tuple[object, ...], kwargs: Dict[str, object]
) -> Dict[str, object]:
    """The arguments of a call by parameter name, without defaults that were not passed."""
    return _bind(inspect.signature(module.forward), args, kwargs)


def call_again(module: nn.Module, arguments: Mapping[str, object]) -> object:
    """What a module makes of the arguments of a recorded call.

    Args:
        module: The module.
        arguments: As `bind` names them; those of `*args` under its name and their place.
    """
    kinds = inspect.signature(module.forward).parameters.values()
    rest_of = next((p.name for p in kinds if p.kind is inspect.Parameter.VAR_POSITIONAL), None)
    prefix = "" if rest_of is None else rest_of + "."
    listed = [name for name in arguments if prefix and name.startswith(prefix)]
    before = [p.name for p in kinds if p.kind <= inspect.Parameter.POSITIONAL_OR_KEYWORD]
    placed = [name for name in before if name in arguments] if listed else []
    first = [arguments[name] for name in (*placed, *listed)]
    named = {k: v for k, v in arguments.items() if k not in listed and k not in placed}
    return module(*first, **named)


def _bind(
    signature: inspect.Signature, args: Tuple[object, ...], kwargs: Dict[str, object]
) -> Dict[str, object]:
    bound = signature.bind(*args, **kwargs)
    arguments: Dict[str, object] = {}
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            arguments.update(value)
        elif kind is inspect.Parameter.VAR_POSITIONAL:
            arguments.update({"%s.%d" % (name, place): item for place, item in enumerate(value)})
        else:
            arguments[name] = value
    return arguments


def shape_alone(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor of the same shape and dtype without values."""
    return torch.empty_like(tensor, device="meta")


def _hook(
    module: nn.Module,
    path: str,
    calls: ShelvedCalls,
    given: Callable[[torch.Tensor], torch.Tensor],
    made: Optional[Callable[[str, Tensors], Optional[Tensors]]],
) -> Iterator[Any]:
    pending: List[Dict[str, object]] = []
    signature = inspect.signature(module.forward)

    def before(_: nn.Module, args: Tuple[object, ...], kwargs: Dict[str, object]) -> None:
        with torch._C.DisableTorchFunction():
            pending.append(map_tensors(_bind(signature, args, kwargs), given))

    def after(_: nn.Module, _args: object, output: object) -> None:
        with torch._C.DisableTorchFunction():
            tensors = told(output)
            outputs = made(path, tensors) if made is not None else None
            if outputs is None:
                outputs = {key: calls.shelf.keep(tensor) for key, tensor in tensors.items()}
        calls.setdefault(path, []).append(Call(arguments=pending.pop(), outputs=outputs))
        let_go(ENOUGH_WITHIN_BYTES)

    if HAS_KEYWORD_HOOKS:
        yield module.register_forward_pre_hook(before, with_kwargs=True)
    else:
        yield from _hook_by_hand(module, before)
    yield module.register_forward_hook(after)


def _hook_by_hand(module: nn.Module, before: Callable[..., None]) -> Iterator[Any]:
    """Calls `before` as torch 2.0 does, in a torch whose hooks do not see keyword arguments.

    It is `forward` that sees them. Who calls `forward` directly goes past all hooks, here too.
    """
    called: List[bool] = []
    forward = module.forward

    def note(_: nn.Module, _args: object) -> None:
        called.append(True)

    def seen(*args: object, **kwargs: object) -> object:
        if called:
            called.pop()
            before(module, args, kwargs)
        return forward(*args, **kwargs)

    yield module.register_forward_pre_hook(note)
    yield Covered(module, seen)


class Covered:
    """A module's `forward` covered by another function until it is removed."""

    def __init__(self, module: nn.Module, cover: Callable[..., object]) -> None:
        self._members = vars(module)
        self._before = {key: self._members[key] for key in ("forward",) if key in self._members}
        self._members["forward"] = cover

    def remove(self) -> None:
        """Uncovers it."""
        del self._members["forward"]
        self._members.update(self._before)
