"""Builds a model without filling it first, and gives it weights without copying them."""

from __future__ import annotations

import inspect
from contextlib import contextmanager, nullcontext
from typing import Any, Callable, Collection, Dict, Iterator, Mapping, Optional, Tuple

import torch
from torch import nn

from toolkit.oracle.old_torch import HAS_MODES, TorchFunctionMode

RANDOM = frozenset(["uniform_", "normal_", "trunc_normal_", "xavier_uniform_", "kaiming_uniform_"])
MARKER = "._float_tensor"
"""End of the name of a buffer that tells sinusoidal positions their dtype, and nothing else.
fairseq 0.12.2 asks every checkpoint for it, fairseq main saves none."""
GAIN = ".weight_g"
"""End of the name of a weight norm's gain."""
MASKED = "mask_emb"
"""End of the name of what stands for masked frames, in training alone; some save without it."""
LARGE = 1 << 16
"""Elements; smaller tensors are filled as always."""


class _Unfilled(TorchFunctionMode):
    """While active, large tensors are not filled at random: untouched memory costs none."""

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Tuple[object, ...],
        args: Tuple[object, ...] = (),
        kwargs: Optional[Dict[str, object]] = None,
    ) -> object:
        named = kwargs or {}
        tensor = args[0] if args else named.get("tensor")
        is_large = isinstance(tensor, torch.Tensor) and tensor.numel() > LARGE
        fills = getattr(func, "__name__", "") in RANDOM
        return tensor if fills and is_large else func(*args, **named)


@contextmanager
def unfilled() -> Iterator[None]:
    """Leaves out the random initialization of large tensors, which weights replace anyway.

    Torch before 1.13 cannot, and fills them.
    """
    with _Unfilled() if HAS_MODES else nullcontext():
        yield


def _fuse_weight_norms(model: nn.Module, state_dict: Mapping[str, Any]) -> None:
    """Takes weight norms off where the state dict has the weight that they compute."""
    for name in list(model.state_dict()):
        module = name[: -len(GAIN)]
        if name.endswith(GAIN) and name not in state_dict and f"{module}.weight" in state_dict:
            nn.utils.remove_weight_norm(model.get_submodule(module))


def load_normless(
    model: nn.Module, state_dict: Mapping[str, torch.Tensor], dropped: Collection[str]
) -> None:
    """Gives a vocoder its weights and takes its norms off, whether the weights have these or not.

    Args:
        model: What to fill, with a weight norm on every convolution.
        state_dict: Weights by name, as they were saved or as their norms compute them.
        dropped: Names that the model may lack.

    Raises:
        RuntimeError: a name is missing, or is neither the model's nor dropped.
    """
    _fuse_weight_norms(model, state_dict)
    model.load_state_dict({n: t for n, t in state_dict.items() if n not in dropped})
    for name in [name for name in model.state_dict() if name.endswith(GAIN)]:
        nn.utils.remove_weight_norm(model.get_submodule(name[: -len(GAIN)]))


def load_weights(model: nn.Module, state_dict: Mapping[str, Any], dropped: Collection[str]) -> None:
    """Gives a model its weights: the very tensors of the state dict, where torch can.

    Args:
        model: What to fill.
        state_dict: Weights by name; those of another dtype than the model's are cast. Where there
            are none at all, the model keeps those that it was made with.
        dropped: Names that the model may lack.

    Raises:
        RuntimeError: a name is missing, or is neither the model's nor dropped.
    """
    if not state_dict:
        return
    _fuse_weight_norms(model, state_dict)
    own = model.state_dict()
    superfluous = set(dropped) - set(own)
    kept = {
        name: tensor.to(own[name].dtype) if name in own else tensor
        for name, tensor in state_dict.items()
        if name not in superfluous
    }
    lost = {name: own[name] for name in own if name not in kept}
    kept.update({name: tensor for name, tensor in lost.items() if name.endswith(MARKER)})
    kept.update({name: torch.zeros_like(t) for name, t in lost.items() if name.endswith(MASKED)})
    # Not the model's own: fairseq's knows no `assign`, and does no more than this. What it adds by
    # fixed names, as `embed_positions._float_tensor`, a fork has under others.
    given = set(kept)
    model.upgrade_state_dict(kept)  # type: ignore[operator]
    kept = {name: tensor for name, tensor in kept.items() if name in given or name in own}
    assigns = "assign" in inspect.signature(nn.Module.load_state_dict).parameters
    nn.Module.load_state_dict(model, kept, strict=True, **({"assign": True} if assigns else {}))
    if assigns:
        model.requires_grad_(False)
