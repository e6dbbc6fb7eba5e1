"""A pretrained model of fairseq that is asked what it makes of every frame."""

from __future__ import annotations

from contextlib import contextmanager
from typing import (
    TYPE_CHECKING,
    Callable,
    Collection,
    Dict,
    Iterator,
    Optional,
    Sequence,
    Tuple,
)

import torch
from torch import Tensor, nn
from torch.nn import functional

from toolkit.oracle.asking import Pass
from toolkit.oracle.encoder_reference import WordlessReference
from toolkit.oracle.reference import layers_heard, one_pass, pad

if TYPE_CHECKING:
    from fairseq.models.wav2vec.wav2vec2 import Wav2Vec2Model

Answer = Dict[str, Tensor]
"""What a quantizer returns."""

NEGATIVES = 7
"""How many other frames a frame is told apart from."""
EVERY, FEWEST = 3, 5
"""One of so many frames is masked, of a clip with at least `FEWEST`; of another one all are."""


def further_prefixes(made: Pass) -> Tuple[Tuple[int, ...], ...]:
    """What else a comparison gives the model, after a pass over one clip: the frames to mask.

    No two of them have the same codes: rounding alone would decide whether they are the same.

    Returns:
        One list of frames; none where no two frames of the clip differ.
    """
    codes: Dict[Tuple[int, ...], int] = {}
    chosen = made.outputs.get("codes")
    for frame, rows in enumerate(() if chosen is None else chosen[0].tolist()):
        codes.setdefault(tuple(rows), frame)
    frames = tuple(codes.values())
    masked = frames[1::EVERY] if len(frames) >= FEWEST else frames
    return (masked,) if len(masked) > 1 else ()


def negatives_of(masked: int) -> Tensor:
    """Which other masked frames each masked frame is told apart from, shape (masked, NEGATIVES)."""
    each = torch.arange(masked).unsqueeze(1)
    steps = 1 + 2 * torch.arange(NEGATIVES) % (masked - 1)
    return (each + steps) % masked


class FeatureReference(WordlessReference):
    """A pretrained fairseq model, ready to be asked."""

    def __init__(self, model: nn.Module, encoder: nn.Module, *, normalize: bool) -> None:
        """Takes a model in evaluation mode.

        Args:
            model: The model under the names of the checkpoint.
            encoder: What of it is asked: the model itself, or a part of it.
            normalize: Whether the sound is standardized before the model hears it.
        """
        super().__init__(model, normalize=normalize)
        self.encoder = encoder

    def forward(
        self,
        sources: Sequence[Tensor],
        prefixes: Sequence[Sequence[int]] = (),
        *,
        double: bool = False,
        explicit: bool = False,
        only: Optional[Collection[str]] = None,
    ) -> Pass:
        """One pass over a batch, in which nothing is masked; or one as in pretraining.

        Args:
            sources: Inputs of shape (L,), one per clip; shorter ones are padded with zeros.
            prefixes: The frames of each clip that are masked, for the loss of telling them apart;
                then there is one clip. None or empty for features.
            double: Compute in float64 throughout.
            explicit: Compute attention step by step instead of in one fused kernel, so that the
                hooks of its projections fire. The kernels round differently.
            only: Paths of the modules whose calls are recorded; None records all.

        Returns:
            The calls, and as outputs, batch first:
            `features`, shape (B, T, D), what `extract_features` gives;
            `projected`, `quantized` and `codes`, what the heads make of them, where there are any:
            features and targets that are compared, shape (B, T, D), and the chosen row of each
            group, shape (B, T, G);
            `hard_perplexity`, shape (), of the chosen rows, without the 1e-7 that fairseq adds to
            each chance, and `soft_perplexity` of the chances of all;
            `padding_mask`, shape (B, T), true in padded frames;
            `layers.k`, shape (B, T, D), for k from 1 to the number of layers: what fairseq gives
            for `output_layer=k`, without the norm that follows the last layer of a pre-norm stack.
            With masked frames, `contrastive_loss` alone, shape ().
        """
        batch, lengths = pad(sources, 0.0)
        masked = next((frames for frames in prefixes if frames), ())
        passing = one_pass(self.model, double=double, explicit=explicit, only=only)
        with _vectors_first(self.encoder), passing as calls:
            batch = (batch.double() if double else batch).to(self.device)
            beyond = torch.arange(batch.shape[1], device=batch.device)
            mask = beyond >= lengths.to(self.device).unsqueeze(1)
            outputs = self._learn(batch, masked) if masked else self._run(batch, mask)
        return Pass(outputs={name: tensor.cpu() for name, tensor in outputs.items()}, calls=calls)

    def _run(self, batch: Tensor, beyond: Tensor) -> Dict[str, Tensor]:
        stack: Wav2Vec2Model = self.encoder
        with layers_heard(stack.encoder.layers) as layers:
            # Not its call: nothing of the model as a whole is compared.
            net = self.encoder.forward(batch, padding_mask=beyond, mask=False, features_only=True)
        features, mask = net["x"], net["padding_mask"]
        unmasked = torch.zeros(features.shape[:2], dtype=torch.bool, device=features.device)
        # Some stacks make an odd number of frames even.
        heard = [layer.transpose(0, 1)[:, : features.shape[1]] for layer in layers]
        return {
            "features": features,
            **self._heads(features, net.get("features")),
            "padding_mask": unmasked if mask is None else mask,
            **{f"layers.{number}": layer for number, layer in enumerate(heard, start=1)},
        }

    def _heads(self, features: Tensor, targets: Optional[Tensor]) -> Dict[str, Tensor]:
        """What pretraining makes of features and of what they are to resemble, if that is left.

        A model without such targets is trained to resemble its own teacher.
        """
        model: Wav2Vec2Model = self.encoder
        if targets is None or getattr(model, "final_proj", None) is None:
            return {}
        projected = {"projected": model.final_proj(features)}
        if _maybe_quantizer(model) is None:
            return projected
        chosen = model.quantizer(targets, produce_targets=True)
        return {
            **projected,
            "quantized": model.project_q(chosen["x"]),
            "codes": chosen["targets"],
            "hard_perplexity": _perplexity(chosen["targets"], model.quantizer.num_vars),
            "soft_perplexity": chosen["prob_perplexity"],
        }

    def _learn(self, batch: Tensor, masked: Sequence[int]) -> Dict[str, Tensor]:
        """The loss of telling each masked frame apart from others; see `negatives_of`."""
        model: Wav2Vec2Model = self.encoder
        frames = int(model._get_feat_extract_output_lengths(torch.tensor([batch.shape[1]])))
        mask = torch.zeros(1, frames, dtype=torch.bool, device=batch.device)
        mask[0, list(masked)] = True
        with _chosen_negatives(model, list(masked)), _covered(model, "mask_channel_prob", 0):
            net = model(batch, mask=True, mask_indices=mask)
        logits = model.get_logits(net).float()
        loss = functional.cross_entropy(logits, model.get_targets(None, net), reduction="sum")
        return {"contrastive_loss": loss}


def _perplexity(codes: Tensor, rows: int) -> Tensor:
    """How many rows are in use, summed over the groups.

    Args:
        codes: The chosen row of each group, shape (B, T, G).
        rows: How many there are in a group.
    """
    chosen = functional.one_hot(codes.flatten(0, 1), rows).double()  # (B, T, G) -> (B T, G, rows)
    chances = chosen.mean(dim=0)
    return torch.exp(-torch.xlogy(chances, chances).sum(-1)).sum()


def _maybe_quantizer(model: nn.Module) -> Optional[nn.Module]:
    """What chooses codes for frames; None where the model was trained on classes from elsewhere."""
    return getattr(model, "quantizer", None)


@contextmanager
def _vectors_first(model: nn.Module) -> Iterator[None]:
    """While the context lasts, the first tensor that the quantizer returns are its vectors."""
    quantizer = _maybe_quantizer(model)
    if quantizer is None:
        yield
        return
    forward: Callable[..., Answer] = quantizer.forward

    def sorted_forward(x: Tensor, produce_targets: bool = False) -> Answer:
        result = forward(x, produce_targets=produce_targets)
        return {"x": result["x"], **result}

    with _covered(quantizer, "forward", sorted_forward):
        yield


@contextmanager
def _chosen_negatives(model: nn.Module, masked: Sequence[int]) -> Iterator[None]:
    """While the context lasts, a frame is told apart from chosen other frames."""
    among = negatives_of(len(masked))

    def choose(targets: Tensor, num: int, padding_count: object = None) -> Tuple[Tensor, Tensor]:  # noqa: ARG001
        only_masked = targets.shape[1] == len(masked)
        rows = among if only_masked else torch.tensor(masked)[among]
        return targets[0][rows.to(targets.device)].permute(1, 0, 2).unsqueeze(1), rows

    with _covered(model, "sample_negatives", choose), _covered(model, "codebook_negatives", 0):
        yield


@contextmanager
def _covered(module: object, name: str, value: object) -> Iterator[None]:
    """An attribute of a module covered by another value while the context lasts."""
    members = vars(module)
    before = {key: members[key] for key in (name,) if key in members}
    members[name] = value
    try:
        yield
    finally:
        del members[name]
        members.update(before)
