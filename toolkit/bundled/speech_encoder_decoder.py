"""fairseq's encoders of waveforms with a decoder, where stock classes do not compute the same.

A stock `SpeechEncoderDecoderModel` with the parts put in that stock encoders and decoders lack;
everything else is theirs. What a folder's `config.json` names gives them their types.
Shape letters: B batch, L samples, T frames, S target tokens, D width.
Source: `fairseq/models/speech_to_text/xm_transformer.py`, `fairseq/models/wav2vec/wav2vec2.py` and
`fairseq/models/wav2vec/wav2vec2_asr.py`.
"""

import math
from typing import Any

import torch
import transformers
from torch import Tensor, nn
from transformers import (
    BartForCausalLM,
    MBartConfig,
    MBartForCausalLM,
    SpeechEncoderDecoderConfig,
    Wav2Vec2Config,
    Wav2Vec2ConformerModel,
    Wav2Vec2Model,
)
from transformers.modeling_outputs import Wav2Vec2BaseModelOutput
from transformers.utils.generic import can_return_tuple

from .conformer_stack import ConformerStack

FIRST_POSITION = 2
"""fairseq counts target positions from `padding_idx + 1`."""


class EncoderSettings(Wav2Vec2Config):
    """A wav2vec 2.0 encoder and its length adapter.

    `num_adapter_layers`, `adapter_kernel_size`, `adapter_stride` and `output_hidden_size` describe
    the length adapter; `add_adapter` stays false, as that one would be the stock adapter.
    """

    layer_type: str = "transformer"
    """`transformer` or `conformer`."""
    pos_conv_depth: int = 1
    """Positional convolutions in a row; more than one have no weight norm."""
    output_projection: str | None = None
    """Before the adapter: `linear`, or `linear_norm` with a layer norm after it."""
    adapter_feed_forward: bool = False
    """Half a feed-forward block on either side of the convolutions, each with a layer norm."""
    adapter_layer_norm: str | None = None
    """`input` for one before the convolutions, `layers` for one after each."""
    adapter_padding: str = "masked"
    """What convolutions see beyond a clip's end: `masked` zeroes on the way in and out, as fairseq
    has done since August 2022; `unmasked` whatever stands there, as before; `alone` zeroes before
    every convolution, as if the clip were by itself."""
    position_embeddings_type: str | None = None
    """Of conformer layers: `relative`, `rotary`, `convolution` or none."""
    rotary_embedding_base: int = 10000
    max_source_positions: int = 3000
    conv_depthwise_kernel_size: int = 31
    conformer_conv_dropout: float = 0.0


class DecoderSettings(MBartConfig):
    """A transformer decoder with fairseq's choices."""

    normalize_before: bool = True
    """Layer norm before each block; otherwise after it."""
    final_layer_norm: bool = True
    """Layer norm after the last layer; a decoder that normalizes after each block has none."""
    layernorm_embedding: bool = True
    position_embeddings: str = "learned"
    """`learned`, `sinusoidal` or `none`."""
    cross_attention_hidden_size: int | None = None
    """Width of the states that the decoder attends to, where it is not its own."""


class EncoderDecoder(transformers.SpeechEncoderDecoderModel):
    """The whole model."""

    def __init__(self, config: SpeechEncoderDecoderConfig) -> None:
        conformer = config.encoder.layer_type == "conformer"
        super().__init__(
            config,
            encoder=(ConformerEncoder if conformer else Encoder)(config.encoder),
            decoder=(PreNormDecoder if config.decoder.normalize_before else PostNormDecoder)(
                config.decoder
            ),
        )


class WithLengthAdapter(nn.Module):
    """A stock encoder whose output passes through a length adapter."""

    def __init__(self, config: EncoderSettings) -> None:
        super().__init__(config)
        self.config = config
        projects, normed = config.output_projection, config.output_projection == "linear_norm"
        width = config.output_hidden_size
        self.output_projection = nn.Linear(config.hidden_size, width) if projects else None
        self.output_layer_norm = nn.LayerNorm(width) if normed else None
        self.length_adapter = LengthAdapter(config) if config.num_adapter_layers else None

    @can_return_tuple
    def forward(
        self, input_values: Tensor, attention_mask: Tensor | None = None, **kwargs: Any
    ) -> Wav2Vec2BaseModelOutput:
        """Encoder states, shape (B, T', D'), for waveforms of shape (B, L).

        Args:
            input_values: Waveforms, shorter ones followed by zeros.
            attention_mask: Shape (B, L), 1 for samples of the clip.
            kwargs: As the stock encoder has them.
        """
        outputs = super().forward(input_values, attention_mask, **{**kwargs, "return_dict": True})
        hidden_states, frames = outputs.last_hidden_state, None
        if attention_mask is not None:
            frames = self._get_feat_extract_output_lengths(attention_mask.sum(-1), False)
        if self.output_projection is not None:
            hidden_states = self.output_projection(hidden_states)
        if self.output_layer_norm is not None:
            hidden_states = self.output_layer_norm(hidden_states)
        if self.length_adapter is not None:
            hidden_states = self.length_adapter(hidden_states, frames)
        outputs.last_hidden_state = hidden_states
        return outputs

    def _get_feat_extract_output_lengths(
        self, input_lengths: Tensor, add_adapter: bool | None = None
    ) -> Tensor:
        frames = super()._get_feat_extract_output_lengths(input_lengths, add_adapter=False)
        if add_adapter is False or self.length_adapter is None:
            return frames
        return self.length_adapter.output_lengths(frames)


class Encoder(WithLengthAdapter, Wav2Vec2Model):
    """A wav2vec 2.0 encoder of transformer layers."""

    def __init__(self, config: EncoderSettings) -> None:
        super().__init__(config)
        if config.pos_conv_depth > 1:
            self.encoder.pos_conv_embed = StackedPositionalConvolution(config)


class ConformerEncoder(WithLengthAdapter, Wav2Vec2ConformerModel):
    """A wav2vec 2.0 encoder of conformer layers."""

    def __init__(self, config: EncoderSettings) -> None:
        super().__init__(config)
        self.encoder = ConformerStack(config)


class StackedPositionalConvolution(nn.Module):
    """Several shorter positional convolutions in a row, as data2vec's encoders have them."""

    def __init__(self, config: EncoderSettings) -> None:
        super().__init__()
        kernel_size = config.num_conv_pos_embeddings
        self.layers = nn.ModuleList(
            nn.Conv1d(
                config.hidden_size,
                config.hidden_size,
                kernel_size,
                padding=kernel_size // 2,
                groups=config.num_conv_pos_embedding_groups,
            )
            for _ in range(config.pos_conv_depth)
        )
        self.surplus = 1 - kernel_size % 2

    def forward(self, hidden_states: Tensor) -> Tensor:
        """Position embeddings, shape (B, T, D), for frames of the same shape."""
        frames = hidden_states.shape[1]
        for layer in self.layers:
            hidden_states = layer(hidden_states.transpose(1, 2))[:, :, :frames].transpose(1, 2)
            hidden_states = nn.functional.layer_norm(hidden_states, hidden_states.shape[-1:])
            hidden_states = nn.functional.gelu(hidden_states)
        return hidden_states


class LengthAdapter(nn.Module):
    """Shortens the encoder's output in time: `Conv1dAdaptor` in all its generations."""

    def __init__(self, config: EncoderSettings) -> None:
        super().__init__()
        width = config.output_hidden_size
        first = width if config.output_projection else config.hidden_size
        norm, half_steps = config.adapter_layer_norm, config.adapter_feed_forward
        self.layer_norm = nn.LayerNorm(first) if norm == "input" else None
        self.half_step_in = HalfStep(first) if half_steps else None
        self.layers = nn.ModuleList(
            LengthAdapterLayer(config, width if i else first)
            for i in range(config.num_adapter_layers)
        )
        self.half_step_out = HalfStep(width) if half_steps else None
        self.padding = config.adapter_padding

    def forward(self, hidden_states: Tensor, frames: Tensor | None = None) -> Tensor:
        """Shorter states, shape (B, T', D'), for states of shape (B, T, D).

        Args:
            hidden_states: The encoder's output.
            frames: Shape (B,), how many frames belong to each clip; None if all do.
        """
        if self.layer_norm is not None:
            hidden_states = self.layer_norm(hidden_states)
        if self.half_step_in is not None:
            hidden_states = self.half_step_in(hidden_states)
        if self.padding == "masked":
            hidden_states = _zero_beyond(hidden_states, frames)
        hidden_states, frames = self._shorten(hidden_states, frames)
        if self.half_step_out is not None:
            hidden_states = self.half_step_out(hidden_states)
        return _zero_beyond(hidden_states, frames) if self.padding == "masked" else hidden_states

    def output_lengths(self, frames: Tensor) -> Tensor:
        """How many frames come out, for how many go in."""
        for layer in self.layers:
            frames = layer.output_lengths(frames)
        return frames

    def _shorten(
        self, hidden_states: Tensor, frames: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        for layer in self.layers:
            if self.padding == "alone":
                hidden_states = _zero_beyond(hidden_states, frames)
            hidden_states = layer(hidden_states)
            frames = None if frames is None else layer.output_lengths(frames)
        return hidden_states, frames


class HalfStep(nn.Module):
    """Adds half of what a feed-forward block gives, and normalizes the sum."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.feed_forward = nn.Sequential(
            nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width)
        )
        self.layer_norm = nn.LayerNorm(width)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        normed: Tensor = self.layer_norm(hidden_states + 0.5 * self.feed_forward(hidden_states))
        return normed


class LengthAdapterLayer(nn.Module):
    """A strided convolution and a gated linear unit, padded for any kernel."""

    def __init__(self, config: EncoderSettings, input_size: int) -> None:
        super().__init__()
        width = config.output_hidden_size
        self.kernel_size, self.stride = config.adapter_kernel_size, config.adapter_stride
        self.conv = nn.Conv1d(
            input_size, 2 * width, self.kernel_size, self.stride, padding=self.kernel_size // 2
        )
        self.layer_norm = nn.LayerNorm(width) if config.adapter_layer_norm == "layers" else None

    def forward(self, hidden_states: Tensor) -> Tensor:
        """(B, T, D) -> (B, T', D')."""
        hidden_states = nn.functional.glu(self.conv(hidden_states.transpose(1, 2)), dim=1)
        hidden_states = hidden_states.transpose(1, 2)
        return hidden_states if self.layer_norm is None else self.layer_norm(hidden_states)

    def output_lengths(self, frames: Tensor) -> Tensor:
        """How many frames come out, for how many go in."""
        surplus = 2 * (self.kernel_size // 2) - self.kernel_size
        return (frames + surplus).div(self.stride, rounding_mode="floor") + 1


class PreNormDecoder(MBartForCausalLM):
    """A decoder that normalizes before each block."""

    def __init__(self, config: DecoderSettings) -> None:
        super().__init__(config)
        _adjust(self.model.decoder, config)
        if not config.final_layer_norm:
            self.model.decoder.layer_norm = nn.Identity()


class PostNormDecoder(BartForCausalLM):
    """A decoder that normalizes after each block."""

    def __init__(self, config: DecoderSettings) -> None:
        super().__init__(config)
        _adjust(self.model.decoder, config)


class SinusoidalPositions(nn.Module):
    """Sines in the first half of the channels, cosines in the second; nothing is learned."""

    def __init__(self, positions: int, width: int) -> None:
        super().__init__()
        self.width = width
        # No buffer: transformers builds models without values and restores only what files hold.
        self.table = self._compute(positions)
        # Says in which dtype and on which device the model is.
        self.like: Tensor
        self.register_buffer("like", torch.empty(0), persistent=False)

    def forward(
        self,
        input_ids: Tensor,
        past_key_values_length: int = 0,
        *,
        position_ids: Tensor,
    ) -> Tensor:
        """Position embeddings, shape (1, S, D), for tokens of shape (B, S) at given positions."""
        last = past_key_values_length + input_ids.shape[1]
        if last > len(self.table):
            self.table = self._compute(last)
        return self.table[position_ids.to(self.table.device)].to(self.like).unsqueeze(0)

    def _compute(self, positions: int) -> Tensor:
        half = self.width // 2
        step = -(math.log(10000) / (half - 1))
        frequencies = torch.exp(torch.arange(half, device="cpu") * step)
        numbers = torch.arange(FIRST_POSITION, FIRST_POSITION + positions, device="cpu")
        angles = numbers.unsqueeze(1) * frequencies
        table = torch.cat([torch.sin(angles), torch.cos(angles)], dim=1)
        return nn.functional.pad(table, (0, self.width - 2 * half))


class NoPositions(nn.Module):
    """Stands where a stock decoder embeds positions."""

    def forward(self, input_ids: Tensor, *_args: Any, **_kwargs: Any) -> Tensor:
        """Zero, whatever the tokens."""
        return torch.zeros((), device=input_ids.device)


def _adjust(decoder: nn.Module, config: DecoderSettings) -> None:
    """Puts into a stock decoder what the configuration has otherwise."""
    if config.position_embeddings == "sinusoidal":
        positions = config.max_position_embeddings
        decoder.embed_positions = SinusoidalPositions(positions, config.d_model)
    elif config.position_embeddings == "none":
        decoder.embed_positions = NoPositions()
    if not config.layernorm_embedding:
        decoder.layernorm_embedding = nn.Identity()
    if config.cross_attention_hidden_size is not None:
        for layer in decoder.layers:
            for name in ("k_proj", "v_proj"):
                projection = nn.Linear(config.cross_attention_hidden_size, config.d_model)
                setattr(layer.encoder_attn, name, projection)


def _zero_beyond(hidden_states: Tensor, frames: Tensor | None) -> Tensor:
    """The states with zeros where no clip is.

    Args:
        hidden_states: Shape (B, T, D).
        frames: Shape (B,), how many frames belong to each clip; None if all do.
    """
    if frames is None:
        return hidden_states
    positions = torch.arange(hidden_states.shape[1], device=hidden_states.device)
    beyond = positions >= frames.unsqueeze(1)
    return hidden_states.masked_fill(beyond.unsqueeze(-1), 0)
