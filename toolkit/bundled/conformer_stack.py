"""fairseq's stack of conformer layers, for carried encoders that have one.

Shape letters: B batch, T frames, D width. Source: `fairseq/models/wav2vec/wav2vec2.py`.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers.masking_utils import create_bidirectional_mask
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.wav2vec2_conformer.modeling_wav2vec2_conformer import (
    Wav2Vec2ConformerEncoder,
)


class ConformerStack(Wav2Vec2ConformerEncoder):
    """Conformer layers with a positional convolution, or with the layer norm before them."""

    def forward(
        self, hidden_states: Tensor, attention_mask: Tensor | None = None, **kwargs: Any
    ) -> BaseModelOutput:
        """Encoder states, shape (B, T, D), for projected features of the same shape.

        Args:
            hidden_states: The features.
            attention_mask: Shape (B, T), true for frames of the clip.
            kwargs: As the stock stack has them.
        """
        frames = hidden_states.shape[1]
        if attention_mask is not None:
            hidden_states = hidden_states.masked_fill(~attention_mask.unsqueeze(-1), 0)
        if self.config.position_embeddings_type == "convolution":
            hidden_states = hidden_states + self.pos_conv_embed(hidden_states)
        if not self.config.do_stable_layer_norm:
            hidden_states = self.layer_norm(hidden_states)
        if self.config.position_embeddings_type == "convolution":
            hidden_states, attention_mask = _make_even(hidden_states, attention_mask)
        hidden_states = self.dropout(hidden_states)
        hidden_states = self._pass_layers(hidden_states, attention_mask, **kwargs)[:, :frames]
        if self.config.do_stable_layer_norm:
            hidden_states = self.layer_norm(hidden_states)
        return BaseModelOutput(last_hidden_state=hidden_states)

    def _pass_layers(
        self, hidden_states: Tensor, attention_mask: Tensor | None, **kwargs: Any
    ) -> Tensor:
        attention_mask = create_bidirectional_mask(
            config=self.config, inputs_embeds=hidden_states, attention_mask=attention_mask
        )
        positions = None if self.embed_positions is None else self.embed_positions(hidden_states)
        for layer in self.layers:
            if not self.training or torch.rand([]) >= self.config.layerdrop:
                hidden_states = layer(
                    hidden_states,
                    attention_mask=attention_mask,
                    relative_position_embeddings=positions,
                    **kwargs,
                )
        return hidden_states


def _make_even(
    hidden_states: Tensor, attention_mask: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """The states with a masked frame of zeros behind them where their number is odd.

    fairseq's encoder does so, and its convolutions see that frame.
    """
    batch, frames, _ = hidden_states.shape
    if frames % 2 == 0:
        return hidden_states, attention_mask
    if attention_mask is None:
        attention_mask = torch.ones(batch, frames, dtype=torch.bool, device=hidden_states.device)
    return (
        nn.functional.pad(hidden_states, (0, 0, 0, 1)),
        nn.functional.pad(attention_mask, (0, 1), value=False),
    )
