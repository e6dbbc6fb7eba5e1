"""A classifier of fairseq, asked: front end, passes over batches, labels."""

from __future__ import annotations

from typing import Collection, Dict, List, Mapping, Optional, Sequence, Tuple

import torch
from torch import Tensor, nn

from toolkit.oracle.asking import Pass, ScoredTokens
from toolkit.oracle.encoder_reference import EncoderReference
from toolkit.oracle.reference import layers_heard, one_pass, pad
from toolkit.oracle.search import Search

BEST = 5
"""Classes whose order is compared."""


def best_classes(logits: Tensor) -> ScoredTokens:
    """The best classes of a clip, best first; and the logarithm of the chance of the first.

    Args:
        logits: Shape (C,).
    """
    best = logits.log_softmax(dim=-1).topk(min(BEST, logits.numel()))
    return ScoredTokens(tokens=tuple(best.indices.tolist()), score=float(best.values[0]))


class ClassReference(EncoderReference):
    """A fairseq classifier, ready to be asked."""

    def __init__(self, labels: Sequence[str], model: nn.Module, *, normalize: bool) -> None:
        """Takes a model in evaluation mode.

        Args:
            labels: The name of each class.
            model: The model.
            normalize: Whether the sound is standardized before the model hears it.
        """
        super().__init__(model, normalize=normalize)
        self.labels = tuple(labels)

    def forward(
        self,
        sources: Sequence[Tensor],
        prefixes: Sequence[Sequence[int]] = (),  # noqa: ARG002
        *,
        double: bool = False,
        explicit: bool = False,
        only: Optional[Collection[str]] = None,
    ) -> Pass:
        """One pass over a batch; every clip has its logits.

        Args:
            sources: Inputs of shape (L,), one per clip; shorter ones are padded with zeros.
            prefixes: Of no use: there is no decoder.
            double: Compute in float64 throughout.
            explicit: Compute attention step by step instead of in one fused kernel, so that the
                hooks of its projections fire. The kernels round differently.
            only: Paths of the modules whose calls are recorded; None records all.

        Returns:
            The calls, and as outputs, batch first:
            `logits`, shape (B, C);
            `padding_mask`, shape (B, T), true in padded frames;
            `layers.k`, shape (B, T, D), for k from 1 to the number of layers: what fairseq gives
            for `output_layer=k`, without the norm that follows the last layer of a pre-norm stack.
        """
        batch, lengths = pad(sources, 0.0)
        with one_pass(self.model, double=double, explicit=explicit, only=only) as calls:
            batch = batch.double() if double else batch
            outputs = self._run(batch.to(self.device), lengths.to(self.device))
        return Pass(outputs={name: tensor.cpu() for name, tensor in outputs.items()}, calls=calls)

    def search(
        self,
        source: Tensor,
        search: Search,  # noqa: ARG002
        tag: Optional[int] = None,  # noqa: ARG002
        heard: Optional[Pass] = None,
    ) -> List[ScoredTokens]:
        """One hypothesis, which is no search: the best classes of the clip, best first.

        Args:
            source: The network's input, shape (L,).
            search: Of no use.
            tag: Of no use: there are no language tags.
            heard: The pass over this input alone, if there was one.
        """
        made = heard or self.forward([source], only=())
        return [best_classes(made.logits[0])]

    def text(self, tokens: Sequence[int], tag: Optional[int] = None) -> str:  # noqa: ARG002
        """The label of the best class."""
        return self.labels[tokens[0]] if tokens else ""

    def encode(self, text: str) -> Tuple[int, ...]:
        """The class of a label; nothing for what is none."""
        return (self.labels.index(text),) if text in self.labels else ()

    def _run(self, batch: Tensor, lengths: Tensor) -> Dict[str, Tensor]:
        beyond = torch.arange(batch.shape[1], device=batch.device) >= lengths.unsqueeze(1)
        encoder: nn.Module = self.model.w2v_encoder  # type: ignore[assignment]
        heard: List[Mapping[str, Tensor]] = []
        hook = encoder.register_forward_hook(lambda _, __, output: heard.append(output))
        try:
            with layers_heard(encoder.w2v_model.encoder.layers) as layers:  # type: ignore[union-attr,arg-type]
                logits = self.model(source=batch, padding_mask=beyond)
        finally:
            hook.remove()
        frames, mask = heard[0]["encoder_out"].transpose(0, 1), heard[0]["padding_mask"]
        unmasked = torch.zeros(frames.shape[:2], dtype=torch.bool, device=frames.device)
        kept = [layer.transpose(0, 1)[:, : frames.shape[1]] for layer in layers]
        return {
            "logits": logits,
            "padding_mask": unmasked if mask is None else mask,
            **{f"layers.{number}": layer for number, layer in enumerate(kept, start=1)},
        }
