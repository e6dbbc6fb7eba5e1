"""The tensors of the class that hears filter banks: `Speech2TextForConditionalGeneration`."""

from __future__ import annotations

from toolkit.blocks.known_tensors.shapes import (
    ACTIVATIONS,
    Shapes,
    are_numbers,
    attention,
    decoder_layer,
    is_size,
    linear,
    norm,
    under,
)
from toolkit.core.json import JsonObject

_KEYS = (
    "activation_dropout activation_function architectures attention_dropout bos_token_id "
    "conv_channels conv_kernel_sizes d_model decoder_attention_heads decoder_ffn_dim "
    "decoder_layerdrop decoder_layers decoder_start_token_id dropout dtype encoder_attention_heads "
    "encoder_ffn_dim encoder_layerdrop encoder_layers eos_token_id input_channels "
    "input_feat_per_channel is_encoder_decoder max_source_positions max_target_positions model_type "
    "num_conv_layers pad_token_id scale_embedding tie_word_embeddings use_cache vocab_size"
)
KEYS = frozenset(_KEYS.split())
SIZES = (
    *("conv_channels", "d_model", "input_feat_per_channel", "max_source_positions"),
    *("encoder_attention_heads", "encoder_ffn_dim", "encoder_layers", "vocab_size"),
    *("decoder_attention_heads", "decoder_ffn_dim", "decoder_layers", "max_target_positions"),
)


def is_known(config: JsonObject) -> bool:
    """Whether `tensors` knows such a model."""
    return (
        config.keys() == KEYS
        and config["model_type"] == "speech_to_text"
        and config["architectures"] == ["Speech2TextForConditionalGeneration"]
        and config["input_channels"] == 1
        and config["activation_function"] in ACTIVATIONS
        and are_numbers({k: v for k, v in config.items() if k != "conv_kernel_sizes"})
        and all(is_size(config[key]) for key in SIZES)
        and _are_sound_convolutions(config)
        and all(
            config["d_model"] % config[f"{side}_attention_heads"] == 0
            for side in ("encoder", "decoder")
        )
        and 0 <= config["pad_token_id"] < config["vocab_size"]
    )


def tensors(config: JsonObject) -> Shapes:
    """Names and shapes in the order of the state dict."""
    width = config["d_model"]
    yield from under("model.encoder", _encoder(config))
    yield "model.decoder.embed_tokens.weight", (config["vocab_size"], width)
    for layer in range(config["decoder_layers"]):
        parts = decoder_layer(width, width, config["decoder_ffn_dim"])
        yield from under(f"model.decoder.layers.{layer}", parts)
    yield from norm("model.decoder.layer_norm", width)
    yield "lm_head.weight", (config["vocab_size"], width)


def _are_sound_convolutions(config: JsonObject) -> bool:
    kernels = config["conv_kernel_sizes"]
    return (
        isinstance(kernels, list)
        and all(map(is_size, kernels))
        and len(kernels) == config["num_conv_layers"] > 0
        and config["conv_channels"] % 2 == 0
    )


def _encoder(config: JsonObject) -> Shapes:
    width, kernels = config["d_model"], config["conv_kernel_sizes"]
    taken = config["input_feat_per_channel"]
    for layer, kernel in enumerate(kernels):
        given = config["conv_channels"] if layer < len(kernels) - 1 else 2 * width
        yield f"conv.conv_layers.{layer}.weight", (given, taken, kernel)
        yield f"conv.conv_layers.{layer}.bias", (given,)
        # Half of it is a gate.
        taken = given // 2
    for layer in range(config["encoder_layers"]):
        yield from under(f"layers.{layer}", _encoder_layer(width, config["encoder_ffn_dim"]))
    yield from norm("layer_norm", width)


def _encoder_layer(width: int, inner: int) -> Shapes:
    yield from attention("self_attn", width, width)
    yield from norm("self_attn_layer_norm", width)
    yield from linear("fc1", width, inner)
    yield from linear("fc2", inner, width)
    yield from norm("final_layer_norm", width)
