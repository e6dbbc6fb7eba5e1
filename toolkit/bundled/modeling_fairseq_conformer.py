"""Conformer encoders as fairseq builds them where no class of transformers computes the same.

They apply a positional convolution, or their layer norm before the layers. Everything else is
transformers' own. Shape letters: B batch, L samples, T frames, D width.
Source: `fairseq/models/wav2vec/wav2vec2.py`.
"""

import transformers
from torch import Tensor
from transformers import Wav2Vec2ConformerConfig
from transformers.models.wav2vec2_conformer.modeling_wav2vec2_conformer import (
    Wav2Vec2ConformerBaseModelOutput,
)
from transformers.utils.generic import can_return_tuple

from .conformer_stack import ConformerStack


class FairseqConformerConfig(Wav2Vec2ConformerConfig):
    """A wav2vec 2.0 encoder of conformer layers; its positions may be a `convolution`."""

    model_type = "fairseq_conformer"

    do_stable_layer_norm: bool = True
    """Whether the layer norm is applied behind the layers, and not before them."""


class Wav2Vec2ConformerModel(transformers.Wav2Vec2ConformerModel):
    """The encoder."""

    config_class = FairseqConformerConfig

    def __init__(self, config: FairseqConformerConfig) -> None:
        super().__init__(config)
        self.encoder = ConformerStack(config)
        self.post_init()

    @can_return_tuple
    def forward(
        self, input_values: Tensor, attention_mask: Tensor | None = None, **kwargs: object
    ) -> Wav2Vec2ConformerBaseModelOutput:
        """Features, shape (B, T, D), and what the layers give where they are asked for.

        Args:
            input_values: Waveforms of shape (B, L).
            attention_mask: Shape (B, L), 1 for samples of a clip; None if all are.
            **kwargs: As the stock encoder has them.
        """
        outputs = super().forward(input_values, attention_mask, **{**kwargs, "return_dict": True})
        frames = outputs.last_hidden_state.shape[1]
        if outputs.hidden_states is not None:
            # Layers may see one frame more, which belongs to no clip.
            outputs.hidden_states = tuple(layer[:, :frames] for layer in outputs.hidden_states)
        if outputs.attentions is not None:
            outputs.attentions = tuple(seen[..., :frames, :frames] for seen in outputs.attentions)
        return outputs


class Wav2Vec2ConformerForCTC(transformers.Wav2Vec2ConformerForCTC):
    """The encoder and a linear layer for letters."""

    config_class = FairseqConformerConfig

    def __init__(self, config: FairseqConformerConfig, target_lang: str | None = None) -> None:
        super().__init__(config, target_lang)
        self.wav2vec2_conformer = Wav2Vec2ConformerModel(config)
        self.post_init()


class Wav2Vec2ConformerForPreTraining(transformers.Wav2Vec2ConformerForPreTraining):
    """The encoder with the codes that it was pretrained to predict."""

    config_class = FairseqConformerConfig

    def __init__(self, config: FairseqConformerConfig) -> None:
        super().__init__(config)
        self.wav2vec2_conformer = Wav2Vec2ConformerModel(config)
        self.post_init()
