"""Mistakes that ports were published with, or nearly: what is done to a right one, and where.

`at` names the modules that a first finding may blame: the one that is broken or, where the source
has no such module, the smallest around it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One mistake."""

    name: str
    do: Callable[[Any], None]
    """Makes it, in the target."""
    at: tuple[str, ...]
    hypothesis: str | None = None
    """What the first finding says of it, where that is known."""
    within: bool = False
    """Whether it may blame any part of these as well."""

    def __str__(self) -> str:
        return self.name


def module_of(model: nn.Module, path: str) -> Any:
    return model.get_submodule(path)


def tensor_of(model: nn.Module, name: str) -> Tensor:
    path, _, leaf = name.rpartition(".")
    return getattr(model.get_submodule(path), leaf)


def changed(name: str, change: Callable[[Tensor], Tensor], what: str, hypothesis: str) -> Fault:
    """A tensor that holds something else of the same shape."""

    def do(model: nn.Module) -> None:
        tensor = tensor_of(model, name)
        tensor.data = change(tensor.data.clone()).contiguous()

    at = (name.rpartition(".")[0],)
    return Fault(name=f"{what} `{name}`", do=do, at=at, hypothesis=hypothesis)


def exchanged(one: str, other: str, hypothesis: str = "swapped_with") -> Fault:
    """Two tensors in each other's place."""

    def do(model: nn.Module) -> None:
        first, second = tensor_of(model, one), tensor_of(model, other)
        first.data, second.data = second.data, first.data

    at = tuple(name.rpartition(".")[0] for name in (one, other))
    return Fault(name=f"`{one}` and `{other}` exchanged", do=do, at=at, hypothesis=hypothesis)


def set_to(path: str, key: str, value: object, at: str = "", hypothesis: str | None = "setting"):
    """A setting with another value."""

    def do(model: nn.Module) -> None:
        setattr(module_of(model, path), key, value)

    name = (
        f"`{path}.{key}` is {value if not isinstance(value, nn.Module) else type(value).__name__}"
    )
    return Fault(name=name, do=do, at=(at or path,), hypothesis=hypothesis)


def set_everywhere(kind: type[nn.Module], key: str, value: object, at: tuple[str, ...]) -> Fault:
    """A setting with another value in all modules of a class."""

    def do(model: nn.Module) -> None:
        for module in model.modules():
            if isinstance(module, kind):
                setattr(module, key, value)

    name = f"`{key}` of every {kind.__name__} is {value}"
    return Fault(name=name, do=do, at=at, hypothesis="setting")


def computing(
    path: str, change: Callable[..., Any], what: str, at: tuple[str, ...] = (), hypothesis=None
) -> Fault:
    """A module with other code: `change` is given the module, its `forward`, and the arguments."""

    def do(model: nn.Module) -> None:
        module = module_of(model, path)
        forward = module.forward

        @wraps(forward)
        def instead(*args: Any, **kwargs: Any) -> Any:
            return change(module, forward, *args, **kwargs)

        module.forward = instead

    return Fault(name=f"`{path}` {what}", do=do, at=at or (path,), hypothesis=hypothesis)


def without(path: str, name: str) -> Fault:
    """A tensor that the target is built without."""

    def do(model: nn.Module) -> None:
        setattr(module_of(model, path), name, None)

    return Fault(name=f"`{path}` has no {name}", do=do, at=(path,), hypothesis="no_place")


def untied(path: str, name: str, hypothesis: str = "tie_broken") -> Fault:
    """A tensor of its own where there should be another one's."""

    def do(model: nn.Module) -> None:
        module = module_of(model, path)
        setattr(module, name, nn.Parameter(getattr(module, name).data.roll(1, 0)))

    return Fault(name=f"`{path}.{name}` is untied", do=do, at=(path,), hypothesis=hypothesis)


def with_bias(path: str) -> Fault:
    """A bias where the source has none."""

    def do(model: nn.Module) -> None:
        module = module_of(model, path)
        module.bias = nn.Parameter(torch.full((module.weight.shape[0],), 0.5))

    return Fault(name=f"`{path}` has a bias", do=do, at=(path,), hypothesis="not_filled")


def interleaved(names: tuple[str, str, str]) -> Fault:
    """Query, key and value cut row by row from a matrix in which they lie in thirds."""

    def do(model: nn.Module) -> None:
        tensors = [tensor_of(model, name) for name in names]
        fused = torch.cat([tensor.data for tensor in tensors])
        for place, tensor in enumerate(tensors):
            tensor.data = fused[place::3].clone()

    at = tuple(name.rpartition(".")[0] for name in names)
    return Fault(name=f"{names[0]} cut in turns", do=do, at=at, hypothesis="fused_split")


def layers_exchanged(one: str, other: str) -> Fault:
    """Two layers in each other's place."""

    def do(model: nn.Module) -> None:
        state = model.state_dict()
        for name in [name for name in state if name.startswith(f"{one}.")]:
            twin = tensor_of(model, other + name.removeprefix(one))
            mine = tensor_of(model, name)
            mine.data, twin.data = twin.data, mine.data

    return Fault(
        name=f"`{one}` and `{other}` exchanged",
        do=do,
        at=(one, other),
        hypothesis="layer_offset",
        within=True,
    )


def heads_dealt(tensor: Tensor, heads: int = 4) -> Tensor:
    """Rows of all heads interleaved."""
    return tensor.reshape(heads, -1, *tensor.shape[1:]).transpose(0, 1).reshape(tensor.shape)


def halves_dealt(tensor: Tensor, heads: int = 4) -> Tensor:
    """The halves of each head interleaved, as another form of rotary positions wants them."""
    split = tensor.reshape(heads, 2, -1, *tensor.shape[1:])
    return split.transpose(1, 2).reshape(tensor.shape)


def shifted(tensor: Tensor) -> Tensor:
    """Rows moved on by one."""
    return tensor.roll(1, 0)


def rounded(tensor: Tensor) -> Tensor:
    """Through half the bits."""
    return tensor.bfloat16().float()


def drop_out(
    _module: nn.Module, forward: Callable[..., Tensor], *args: Any, **kwargs: Any
) -> Tensor:
    """Dropout that asks nobody."""
    return functional.dropout(forward(*args, **kwargs), 0.1, True)


def passing(_module: nn.Module, _forward: object, hidden_states: Tensor, *_: object) -> Tensor:
    """What is given on as it is."""
    return hidden_states


def ignoring(*names: str) -> Callable[..., Any]:
    """Code that does not look at some arguments."""

    def change(_module: nn.Module, forward: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return forward(*args, **{**kwargs, **dict.fromkeys(names, None)})

    return change


def times(factor: float) -> Callable[..., Any]:
    """An output multiplied once too often."""

    def change(
        _module: nn.Module, forward: Callable[..., Tensor], *args: Any, **kwargs: Any
    ) -> Tensor:
        return forward(*args, **kwargs) * factor

    return change


def without_residual(module: Any, _forward: object, hidden_states: Tensor, _: Tensor) -> Tensor:
    """A dense layer and its norm, and nothing added."""
    return module.LayerNorm(module.dense(hidden_states))


def norm_before(
    module: Any, _forward: object, hidden_states: Tensor, input_tensor: Tensor
) -> Tensor:
    """The norm before the sum instead of behind it."""
    return module.LayerNorm(module.dense(hidden_states)) + input_tensor


def norm_first(module: Any, _forward: object, hidden_states: Tensor, *_: object) -> Tensor:
    """A layer whose two norms have each other's place."""
    before, behind = module.self_attn_layer_norm, module.final_layer_norm
    states = (
        hidden_states
        + module.self_attn(hidden_states=behind(hidden_states), attention_mask=None)[0]
    )
    return states + module.fc2(module.activation_fn(module.fc1(before(states))))
