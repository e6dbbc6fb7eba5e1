"""The tensors of the classes that read texts and write others: BART, mBART, M2M-100."""

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
    "activation_dropout activation_function architectures attention_dropout bos_token_id d_model "
    "decoder_attention_heads decoder_ffn_dim decoder_layerdrop decoder_layers "
    "decoder_start_token_id dropout dtype encoder_attention_heads encoder_ffn_dim encoder_layerdrop "
    "encoder_layers eos_token_id is_encoder_decoder max_position_embeddings model_type pad_token_id "
    "scale_embedding tie_word_embeddings use_cache vocab_size"
)
KEYS = frozenset(_KEYS.split())
FORCED = KEYS | {"forced_eos_token_id"}
CLASSES = {"mbart": ("MBart", FORCED), "bart": ("Bart", FORCED), "m2m_100": ("M2M100", KEYS)}
"""What each class is called, and its keys, by its model type."""
SIZES = (
    *("d_model", "max_position_embeddings", "vocab_size"),
    *("encoder_attention_heads", "encoder_ffn_dim", "encoder_layers"),
    *("decoder_attention_heads", "decoder_ffn_dim", "decoder_layers"),
)
OFFSET = 2
"""Rows of a table of positions before the first."""


def is_known(config: JsonObject) -> bool:
    """Whether `tensors` knows such a model."""
    name, keys = CLASSES.get(str(config.get("model_type")), ("", frozenset()))
    return (
        config.keys() == keys
        and config["architectures"] == [f"{name}ForConditionalGeneration"]
        and config["tie_word_embeddings"] is True
        and config["activation_function"] in ACTIVATIONS
        and are_numbers(config)
        and all(is_size(config[key]) for key in SIZES)
        and all(
            config["d_model"] % config[f"{side}_attention_heads"] == 0
            for side in ("encoder", "decoder")
        )
        and 0 <= config["pad_token_id"] < config["vocab_size"]
    )


def tensors(config: JsonObject) -> Shapes:
    """Names and shapes in the order of the state dict."""
    embeddings = (config["vocab_size"], config["d_model"])
    if config["model_type"] != "m2m_100":
        yield "final_logits_bias", (1, config["vocab_size"])
    yield "model.shared.weight", embeddings
    yield from under("model.encoder", _side(config, "encoder"))
    yield from under("model.decoder", _side(config, "decoder"))
    yield "lm_head.weight", embeddings


def _side(config: JsonObject, side: str) -> Shapes:
    width, inner = config["d_model"], config[f"{side}_ffn_dim"]
    learns, before = config["model_type"] != "m2m_100", config["model_type"] != "bart"
    yield "embed_tokens.weight", (config["vocab_size"], width)
    if learns:
        yield "embed_positions.weight", (config["max_position_embeddings"] + OFFSET, width)
    for layer in range(config[f"{side}_layers"]):
        parts = (
            decoder_layer(width, width, inner)
            if side == "decoder"
            else _encoder_layer(width, inner)
        )
        yield from under(f"layers.{layer}", parts)
    yield from norm("layernorm_embedding", width) if learns else ()
    yield from norm("layer_norm", width) if before else ()


def _encoder_layer(width: int, inner: int) -> Shapes:
    yield from attention("self_attn", width, width)
    yield from norm("self_attn_layer_norm", width)
    yield from linear("fc1", width, inner)
    yield from linear("fc2", inner, width)
    yield from norm("final_layer_norm", width)
