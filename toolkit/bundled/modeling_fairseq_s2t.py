"""fairseq's encoders of filter banks with a decoder, where stock classes do not compute the same.

A stock `SpeechEncoderDecoderModel` whose encoder hears filter banks: that of `Speech2Text`, its
norms behind its blocks or its layers those of a conformer. Its decoders are those of
`speech_encoder_decoder.py`.
Shape letters: B batch, L frames of filter banks, F bins, T frames of the encoder, D width.
Source: `fairseq/models/speech_to_text/{s2t_transformer,s2t_conformer}.py`.
"""

import math

import torch
import transformers
from torch import Tensor, nn
from transformers import Speech2TextConfig, SpeechEncoderDecoderConfig, Wav2Vec2ConformerModel
from transformers.masking_utils import create_bidirectional_mask
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.speech_to_text.modeling_speech_to_text import (
    Speech2TextEncoder,
    Speech2TextEncoderLayer,
)
from transformers.models.wav2vec2_conformer.modeling_wav2vec2_conformer import (
    Wav2Vec2ConformerEncoderLayer,
    Wav2Vec2ConformerRotaryPositionalEmbedding,
)

from .speech_encoder_decoder import DecoderSettings, PostNormDecoder, PreNormDecoder


class EncoderConfig(Speech2TextConfig):
    """An encoder of filter banks; what is said of decoders is not read."""

    model_type = "fairseq_s2t_encoder"

    attribute_map = {  # noqa: RUF012
        **Speech2TextConfig.attribute_map,
        "intermediate_size": "encoder_ffn_dim",
        "hidden_dropout": "dropout",
        "conformer_conv_dropout": "dropout",
    }

    is_encoder_decoder: bool = False
    layer_type: str = "transformer"
    """`transformer` or `conformer`."""
    normalize_before: bool = True
    """Layer norm before each block of a transformer layer, and one behind the last layer."""
    position_embeddings_type: str | None = "sinusoidal"
    """`sinusoidal`; of conformer layers also `relative`, `rotary` or none."""
    hidden_act: str = "swish"
    """Of conformer layers."""
    conv_depthwise_kernel_size: int = 31
    rotary_embedding_base: int = 10000


class DecoderConfig(DecoderSettings):
    """Its decoder."""

    model_type = "fairseq_s2t_decoder"


class FairseqS2TConfig(SpeechEncoderDecoderConfig):
    """An encoder and a decoder."""

    model_type = "fairseq_s2t"
    sub_configs_defaults = {"encoder": EncoderConfig, "decoder": DecoderConfig}  # noqa: RUF012


class SpeechEncoderDecoderModel(transformers.SpeechEncoderDecoderModel):
    """The whole model.

    It bears the stock class's name because transformers' speech recognition pipeline tells
    sequence-to-sequence models by the names of their classes.
    """

    config_class = FairseqS2TConfig
    main_input_name = "input_features"

    def __init__(self, config: FairseqS2TConfig) -> None:
        conformer = config.encoder.layer_type == "conformer"
        before = config.decoder.normalize_before
        super().__init__(
            config,
            encoder=(ConformerEncoder if conformer else TransformerEncoder)(config.encoder),
            decoder=(PreNormDecoder if before else PostNormDecoder)(config.decoder),
        )


class TransformerEncoder(Speech2TextEncoder):
    """Convolutions and transformer layers, with norms before each block or behind it."""

    # The model around it chooses for both parts; its layers ask for attention by name.
    _supports_sdpa = True

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config)
        if not config.normalize_before:
            self.layers = nn.ModuleList(PostNormLayer(config) for _ in range(config.encoder_layers))
            self.layer_norm = nn.Identity()
        self.post_init()


class PostNormLayer(Speech2TextEncoderLayer):
    """A transformer layer that normalizes behind each block."""

    def forward(
        self, hidden_states: Tensor, attention_mask: Tensor | None, **kwargs: object
    ) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        attended, _ = self.self_attn(hidden_states, attention_mask=attention_mask, **kwargs)
        hidden_states = self.self_attn_layer_norm(hidden_states + self._drop(attended))
        inner = self.activation_fn(self.fc1(hidden_states))
        inner = nn.functional.dropout(inner, self.activation_dropout, self.training)
        normed: Tensor = self.final_layer_norm(hidden_states + self._drop(self.fc2(inner)))
        return normed

    def _drop(self, states: Tensor) -> Tensor:
        return nn.functional.dropout(states, self.dropout, self.training)


class ConformerEncoder(Speech2TextEncoder):
    """Convolutions and conformer layers behind a linear one, without a norm at the end."""

    _supports_sdpa = Wav2Vec2ConformerModel._supports_sdpa

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config)
        self.linear = nn.Linear(config.d_model, config.d_model)
        self.layers = nn.ModuleList(
            Wav2Vec2ConformerEncoderLayer(config) for _ in range(config.encoder_layers)
        )
        self.layer_norm = nn.Identity()
        if config.position_embeddings_type != "sinusoidal":
            self.embed_positions = _make_positions(config)
        self.post_init()

    def forward(
        self, input_features: Tensor, attention_mask: Tensor | None = None, **_: object
    ) -> BaseModelOutput:
        """Encoder states, shape (B, T, D), for filter banks of shape (B, L, F).

        Args:
            input_features: Filter banks, shorter ones followed by zeros.
            attention_mask: Shape (B, L), 1 for frames of the clip.
            _: What else encoders are asked; states and weights in between are not returned.
        """
        hidden_states = self.embed_scale * self.conv(input_features)
        if attention_mask is not None:
            attention_mask = self._get_feature_vector_attention_mask(
                hidden_states.shape[1], attention_mask
            )
        hidden_states, positions = self._place(hidden_states, attention_mask)
        hidden_states = nn.functional.dropout(
            self.linear(hidden_states), self.dropout, self.training
        )
        mask = create_bidirectional_mask(
            config=self.config, inputs_embeds=hidden_states, attention_mask=attention_mask
        )
        for layer in self.layers:
            hidden_states = layer(hidden_states, mask, relative_position_embeddings=positions)
        return BaseModelOutput(last_hidden_state=hidden_states)

    def _place(
        self, hidden_states: Tensor, attention_mask: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """The states with their positions added, or positions for attention to add."""
        if self.config.position_embeddings_type == "sinusoidal":
            shape = hidden_states.shape[:2]
            beyond = (
                torch.zeros(shape, dtype=torch.long, device=hidden_states.device)
                if attention_mask is None
                else attention_mask.ne(1).long()
            )
            return hidden_states + self.embed_positions(beyond), None
        if self.embed_positions is None:
            return hidden_states, None
        return hidden_states, self.embed_positions(hidden_states)


def _make_positions(config: EncoderConfig) -> nn.Module | None:
    """What gives attention its positions."""
    if config.position_embeddings_type == "relative":
        return RelativePositions(config.max_source_positions, config.d_model)
    if config.position_embeddings_type == "rotary":
        return Wav2Vec2ConformerRotaryPositionalEmbedding(config)
    return None


class RelativePositions(nn.Module):
    """Sines and cosines in turn of how far one frame is from another; nothing is learned."""

    def __init__(self, frames: int, width: int) -> None:
        super().__init__()
        self.width = width
        # No buffer: transformers builds models without values and restores only what files hold.
        self.table = self._compute(frames)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """Shape (1, 2T - 1, D) for states of shape (B, T, D), the farthest to the left first."""
        frames = hidden_states.shape[1]
        if len(self.table) < 2 * frames - 1:
            self.table = self._compute(frames)
        middle = len(self.table) // 2
        return self.table[middle - frames + 1 : middle + frames].to(hidden_states).unsqueeze(0)

    def _compute(self, frames: int) -> Tensor:
        distances = torch.arange(frames - 1, -frames, -1, device="cpu", dtype=torch.float32)
        steps = torch.arange(0, self.width, 2, device="cpu", dtype=torch.float32)
        frequencies = torch.exp(steps * -(math.log(10000.0) / self.width))
        angles = distances.unsqueeze(1) * frequencies
        # (2T - 1, D / 2) -> (2T - 1, D)
        return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1)
