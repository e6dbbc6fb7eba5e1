"""Asks a model as a whole: nothing is presumed of how its modules are called or nested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Tuple

import torch
from torch import Tensor, nn

from toolkit.oracle.hooks import flatten
from toolkit.oracle.precision import in_float64
from toolkit.oracle.reference import explicit_attention

SEED = 0
"""Of what a model draws at random, such as the frames that others are told apart from."""


class Enough(Exception):
    """What was asked for is there: the rest of the model need not run."""


@dataclass(frozen=True)
class Heard:
    """What one pass gave."""

    outputs: Mapping[str, Tensor]
    """Of the whole model, by name, in float64; empty where it was stopped before its end."""
    calls: Sequence[Tuple[str, Tensor]]
    """What modules gave, their first tensor, in the order in which they ended, with their paths."""


def hear(
    task: str,
    model: nn.Module,
    source: Tensor,
    tokens: Sequence[int] = (),
    until: Optional[str] = None,
) -> Heard:
    """One pass over one clip in float64, with what every module gave.

    Args:
        task: What the model is asked, as `toolkit.oracle.tasks` names it.
        model: In evaluation mode.
        source: Its input, shape (L,), or (T, F) of filter banks; ids of a text, shape (S,).
        tokens: What its decoder is given, if it has one.
        until: The path of the module after whose first call the pass ends; None for all of it.
    """
    calls: List[Tuple[str, Tensor]] = []
    hooks = [
        module.register_forward_hook(_listener(path, calls, until))
        for path, module in model.named_modules()
    ]
    torch.manual_seed(SEED)
    try:
        with torch.no_grad(), in_float64(model), explicit_attention(model):
            heard = source.double() if source.is_floating_point() else source
            outputs = _OF[task](model, heard.unsqueeze(0), tokens)
    except Enough:
        outputs = {}
    finally:
        for hook in hooks:
            hook.remove()
    return Heard(outputs=outputs, calls=calls)


def _listener(
    path: str, calls: List[Tuple[str, Tensor]], until: Optional[str]
) -> Callable[..., None]:
    def listen(_: nn.Module, _inputs: object, output: object) -> None:
        with torch._C.DisableTorchFunction():
            for tensor in list(flatten(output).values())[:1]:
                if tensor.is_floating_point():
                    calls.append((path, tensor.detach().double().clone()))
        if path == until:
            raise Enough

    return listen


def _encoder(model: nn.Module, batch: Tensor, _: Sequence[int]) -> Dict[str, Tensor]:
    """Features, and what pretraining makes of them where the model still can."""
    heard = {"features": model.forward(batch, mask=False, features_only=True)["x"]}
    torch.manual_seed(SEED)
    try:
        learned = model.forward(batch, mask=False, features_only=False)
    except (AttributeError, TypeError, KeyError, RuntimeError, AssertionError, ValueError):
        return heard  # an encoder without what it was pretrained with
    told = flatten({k: v for k, v in learned.items() if k not in ("features", "layer_results")})
    heard.update({f"learned.{name}": t for name, t in told.items() if t.is_floating_point()})
    return heard


def _letters(model: nn.Module, batch: Tensor, _: Sequence[int]) -> Dict[str, Tensor]:
    return {"logits": model(source=batch, padding_mask=_nothing_padded(batch))["encoder_out"]}


def _classes(model: nn.Module, batch: Tensor, _: Sequence[int]) -> Dict[str, Tensor]:
    return {"logits": model(source=batch, padding_mask=_nothing_padded(batch))}


def _text(model: nn.Module, batch: Tensor, tokens: Sequence[int]) -> Dict[str, Tensor]:
    said = torch.tensor([list(tokens)])
    try:
        logits, _ = model(
            src_tokens=batch, src_lengths=torch.tensor([batch.shape[1]]), prev_output_tokens=said
        )
    except TypeError:  # a model of letters calls its input otherwise
        logits, _ = model(
            source=batch, padding_mask=_nothing_padded(batch), prev_output_tokens=said
        )
    return {"logits": logits}


def _nothing_padded(batch: Tensor) -> Tensor:
    return torch.zeros(batch.shape, dtype=torch.bool)


_OF: Mapping[str, Callable[[nn.Module, Tensor, Sequence[int]], Dict[str, Tensor]]] = {
    "features": _encoder,
    "ctc": _letters,
    "classification": _classes,
    "speech_seq2seq": _text,
    "text_seq2seq": _text,
}
