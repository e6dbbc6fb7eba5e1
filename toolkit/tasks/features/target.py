"""A folder whose model is asked for features: forward passes, with what pretraining left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from toolkit.oracle.tasks.features import negatives_of
from toolkit.tasks.speech.layers import layers_of
from toolkit.tasks.speech.target import HearingTarget

if TYPE_CHECKING:
    from transformers.utils import ModelOutput


FEATURES = "last_hidden_state"
PROJECTION = "final_proj"
"""Where a model has the projection of its features that it does not call itself."""
NAMES = {
    "features": FEATURES,
    "projected": "projected_states",
    "quantized": "projected_quantized_states",
    "codes": "codes",
    "hard_perplexity": "codevector_perplexity",
}
"""The outputs by the names of fairseq's side, with the keys that a folder's model has for them."""


class FeatureTarget(HearingTarget):
    """A converted encoder of speech, with the projection of its features if there is one."""

    auto_class = "AutoModel"
    has_words = False

    @property
    def masks(self) -> bool:
        """Whether the model has a loss of its own, for which frames can be masked."""
        return False

    def call(self, sources: Sequence[Tensor], prefixes: Sequence[Sequence[int]]) -> ModelOutput:
        """What the model returns, and what becomes of its features.

        Args:
            sources: Inputs of shape (L,), of the model's dtype; shorter ones are padded with zeros.
            prefixes: Of no use here.
        """
        output = super().call(sources, prefixes)
        if hasattr(self.model, PROJECTION):
            output["projected_states"] = self.model.get_submodule(PROJECTION)(output[FEATURES])
        return output

    def further_arguments(self, prefixes: Sequence[Sequence[int]]) -> Mapping[str, object]:  # noqa: ARG002
        """What every layer gives is asked for."""
        return {"output_hidden_states": True}

    def outputs(self, output: ModelOutput) -> Mapping[str, Tensor]:
        """What `toolkit.oracle.tasks.features.FeatureReference.forward` gives, by its names."""
        named = {name: output[key].cpu() for name, key in NAMES.items() if key in output}
        return {**named, **layers_of(output)}


class PretrainedTarget(FeatureTarget):
    """A converted encoder with all that it was pretrained with."""

    auto_class = "AutoModelForPreTraining"

    @property
    def masks(self) -> bool:
        """Whether frames can be masked, as in pretraining."""
        return hasattr(self.model.base_model, "masked_spec_embed")

    def call(self, sources: Sequence[Tensor], prefixes: Sequence[Sequence[int]]) -> ModelOutput:
        """What the model returns, with what it keeps to itself: features and codes.

        Args:
            sources: Inputs of shape (L,), of the model's dtype; shorter ones are padded with zeros.
            prefixes: The frames of each clip that are masked; see `FeatureReference.forward`.
        """
        masked = next((frames for frames in prefixes if frames), ())
        if masked:
            return self._learn(sources[0], torch.tensor(masked))
        with self._overheard() as heard:
            output = super().call(sources, prefixes)
        for name, tensor in heard.items():
            output[name] = tensor
        return output

    def outputs(self, output: ModelOutput) -> Mapping[str, Tensor]:
        """What `toolkit.oracle.tasks.features.FeatureReference.forward` gives, by its names."""
        if output.get("contrastive_loss") is not None:
            return {"contrastive_loss": output["contrastive_loss"].cpu()}
        return super().outputs(output)

    def compared(self, source: Tensor, masked: Tensor) -> tuple[Tensor, Tensor]:
        """What pretraining compares of masked frames.

        Args:
            source: Input of shape (L,).
            masked: The frames that are masked, shape (M,).

        Returns:
            What the model makes of them without hearing them, and of their codes, shape (M, D).
        """
        with torch.no_grad():
            output = self._learn(source, masked)
        features, codes = output.projected_states, output.projected_quantized_states
        return features[0, masked].cpu(), codes[0, masked].cpu()

    def _learn(self, source: Tensor, masked: Tensor) -> ModelOutput:
        """The losses of telling each masked frame apart from others."""
        frames = self.frames([source.numel()])[0]
        mask = torch.zeros(1, frames, dtype=torch.bool)
        mask[0, masked] = True
        others = negatives_of(len(masked))
        negatives = torch.zeros(1, frames, others.shape[1], dtype=torch.long)
        negatives[0, masked] = masked[others]
        device = self.model.device
        return self.model(
            input_values=source.unsqueeze(0).to(device),
            mask_time_indices=mask.to(device),
            sampled_negative_indices=negatives.to(device),
        )

    @contextmanager
    def _overheard(self) -> Iterator[dict[str, Tensor]]:
        """The encoder's output and the rows that are chosen of each group, while it lasts."""
        heard: dict[str, Tensor] = {}
        groups = self.model.config.num_codevector_groups

        def hear_features(_: object, __: object, output: ModelOutput) -> None:
            heard[FEATURES] = output.last_hidden_state

        def hear_codes(_: object, __: object, scores: Tensor) -> None:
            heard["codes"] = scores.view(*scores.shape[:-1], groups, -1).argmax(-1)

        hooks = (
            self.model.base_model.register_forward_hook(hear_features),
            self.model.quantizer.weight_proj.register_forward_hook(hear_codes),
        )
        try:
            yield heard
        finally:
            for hook in hooks:
                hook.remove()
