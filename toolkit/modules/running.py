"""One model of a comparison: how it is called, and that it stays as it was."""

from __future__ import annotations

import random
import traceback
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, Union

from toolkit.core.errors import BadInput
from toolkit.oracle.failing import has_gpu_failed
from toolkit.oracle.hooks import Call, Calls, ShelvedCalls, Tensors, flatten, recording
from toolkit.oracle.precision import in_float64
from toolkit.oracle.shelf import Shelf, keep_all

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

Inputs: TypeAlias = Union[
    "Tensor", Sequence[object], Mapping[str, object], "Callable[[nn.Module], object]"
]
"""What a model is called with: its one tensor, its arguments in order or by name, or a function
that calls it in some other way and returns what it gave."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """A model and what it is called with."""

    model: nn.Module
    inputs: Inputs
    name: str
    """What it is called in words."""

    def exact(self) -> AbstractContextManager[None]:
        """The model in float64 while the context lasts."""
        return in_float64(self.model)


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What a model did with its inputs, in float64."""

    calls: Calls
    """By the path of a module; a module with several paths has its calls under each."""
    outputs: Mapping[str, Tensor]
    """The tensors that it returned, by their paths in it; empty where it raised an error."""
    trouble: str | None = None
    """The error that it raised."""
    raised_in: str = ""
    """The innermost module that raised it."""


def listen(
    side: Side,
    only: Collection[str] | None = None,
    *,
    given: Callable[[Tensor], Tensor] | None = None,
    made: Callable[[str, Tensors], Tensors | None] | None = None,
) -> Heard:
    """What a model and its modules make of the inputs in float64; it stays as it was.

    Args:
        side: The model.
        only: Paths of the modules that are listened to; None for all.
        given: What is kept of a tensor that a module is given; see `recording`.
        made: What is kept of what a module gave.
    """
    import torch

    outputs: Mapping[str, Tensor] = {}
    trouble, raised_in = None, ""
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(side.exact())
        stack.enter_context(_buffers(side.model))
        paths = only and _first_paths(side.model, only)
        calls = stack.enter_context(recording(side.model, paths, given, made))
        shelf = calls.shelf if isinstance(calls, ShelvedCalls) else Shelf()
        try:
            torch.manual_seed(0)
            outputs = keep_all(shelf, flatten(_call(side.model, side.inputs)))
        except Exception as error:  # the model is anybody's
            if has_gpu_failed(error):
                raise
            trouble = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            raised_in = _innermost(side.model, error)
    dealt = _deal(side.model, calls)
    return Heard(calls=dealt, outputs=outputs, trouble=trouble, raised_in=raised_in)


def expect_models(*models: object) -> None:
    """Expects models that have tensors.

    Raises:
        BadInput: one is no `torch.nn.Module`, or has neither parameters nor buffers.
    """
    from torch import nn

    for model in models:
        name = type(model).__name__
        if not isinstance(model, nn.Module):
            raise BadInput(f"`source` and `target` must be torch modules, but one is a `{name}`.")
        if not model.state_dict():
            raise BadInput(
                f"`{name}` must have parameters, but has none. Compare what it returns with "
                "`torch.testing.assert_close`."
            )


def expect_answer(side: Side, heard: Heard) -> None:
    """Expects that a model took its inputs, and gave a tensor of numbers.

    Raises:
        BadInput: it raised an error, or returned no tensor, or NaN.
    """
    if heard.trouble is not None:
        found = f"raises {heard.trouble}"
    elif not heard.outputs:
        found = "returns no tensor"
    elif any(bool(tensor.isnan().any()) for tensor in heard.outputs.values()):
        found = "returns values that are no numbers (NaN)"
    else:
        return
    raise BadInput(
        f"`{side.name}` must answer to its inputs, but {found}. Check what it is called with."
    )


@contextmanager
def left_as_it_was(model: nn.Module) -> Iterator[None]:
    """A model in evaluation while the context lasts, and in every respect as before afterwards.

    That is the training flag of each module, its buffers, whether keys and values are cached, and
    the state of all random numbers.
    """
    with ExitStack() as stack:
        stack.enter_context(_random_numbers(model))
        stack.enter_context(_evaluated(model))
        stack.enter_context(_buffers(model))
        stack.enter_context(_uncached(model))
        yield


def shared_paths(model: nn.Module) -> set[str]:
    """Paths of modules that stand in several places."""
    named = list(model.named_modules(remove_duplicate=False))
    places = Counter(id(module) for _, module in named)
    return {path for path, module in named if places[id(module)] > 1}


def _first_paths(model: nn.Module, paths: Collection[str]) -> set[str]:
    """The first path of each of some modules, which is the one that recording goes by."""
    wanted = {id(model.get_submodule(path)) for path in paths}
    return {path for path, module in model.named_modules() if id(module) in wanted}


def _innermost(model: nn.Module, error: BaseException) -> str:
    """The path of the module in whose code an error arose."""
    known = {id(module): path for path, module in model.named_modules()}
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    within = [known[id(me)] for f in frames if id(me := f.f_locals.get("self")) in known]
    return within[-1] if within else ""


def _call(model: nn.Module, inputs: Inputs) -> object:
    import torch

    if isinstance(inputs, torch.Tensor):
        return model(inputs.clone())
    if isinstance(inputs, Mapping):
        return model(**{name: _copied(value) for name, value in inputs.items()})
    if isinstance(inputs, Sequence):
        return model(*[_copied(value) for value in inputs])
    return inputs(model)


def _copied(value: object) -> object:
    """The same nest with copies of its tensors, which the model may write to."""
    import torch

    if isinstance(value, torch.Tensor):
        return value.clone()
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return tuple(map(_copied, value)) if type(value) is tuple else value


def _deal(model: nn.Module, calls: Calls) -> Calls:
    """The calls by every path of a module, in the order in which modules answered.

    Of a module that stands in as many places as it was called, each place has its own call.
    """
    paths: dict[int, list[str]] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        paths.setdefault(id(module), []).append(path)
    dealt = ShelvedCalls()
    if isinstance(calls, ShelvedCalls):
        dealt.shelf = calls.shelf
    for path, made in calls.items():
        for place, alias in enumerate(paths[id(model.get_submodule(path))]):
            dealt[alias] = _share(made, place, len(paths[id(model.get_submodule(path))]))
    return dealt


def _share(made: list[Call], place: int, places: int) -> list[Call]:
    return [made[place]] if 1 < places == len(made) else made


@contextmanager
def _random_numbers(model: nn.Module) -> Iterator[None]:
    import numpy as np
    import torch

    before, before_numpy = random.getstate(), np.random.get_state()
    devices = {tensor.device for tensor in model.parameters() if tensor.device.type == "cuda"}
    try:
        with torch.random.fork_rng(devices=sorted(map(_index, devices))):
            yield
    finally:
        random.setstate(before)
        np.random.set_state(before_numpy)


def _index(device: torch.device) -> int:
    return device.index or 0


@contextmanager
def _evaluated(model: nn.Module) -> Iterator[None]:
    """Not by `eval()`, which some models take for an occasion to do more."""
    flags = [(module, module.training) for module in model.modules()]
    try:
        for module, _ in flags:
            module.training = False
        yield
    finally:
        for module, flag in flags:
            module.training = flag


@contextmanager
def _buffers(model: nn.Module) -> Iterator[None]:
    import torch

    shelf = Shelf()
    kept = [
        (module._buffers, name, buffer, buffer._version, shelf.keep(buffer))
        for module in model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None and buffer.layout is torch.strided
    ]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffers, name, buffer, version, values in kept:
                if buffer._version != version:
                    buffer.copy_(values)
                buffers[name] = buffer


@contextmanager
def _uncached(model: nn.Module) -> Iterator[None]:
    """Without caches of keys and values: a module that is asked again would find itself in them."""
    configs = {id(c): c for m in model.modules() if (c := getattr(m, "config", None)) is not None}
    cached = [c for c in configs.values() if getattr(c, "use_cache", None) is True]
    try:
        for config in cached:
            config.use_cache = False
        yield
    finally:
        for config in cached:
            config.use_cache = True
