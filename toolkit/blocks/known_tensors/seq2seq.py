"""The tensors of an encoder with a decoder: `SpeechEncoderDecoderModel`, and the carried one."""

from __future__ import annotations

from toolkit.blocks.known_tensors import shapes
from toolkit.blocks.known_tensors.shapes import (
    ACTIVATIONS,
    Shapes,
    are_numbers,
    decoder_layer,
    is_size,
    is_sound_encoder,
    linear,
    norm,
    under,
)
from toolkit.core.json import JsonObject

_MODEL = (
    "architectures bos_token_id decoder decoder_start_token_id dtype encoder eos_token_id "
    "is_encoder_decoder model_type pad_token_id tie_word_embeddings"
)
MODEL_KEYS = frozenset(_MODEL.split())
_ADAPTED = "adapter_kernel_size adapter_stride add_adapter num_adapter_layers output_hidden_size"
ENCODER_KEYS = shapes.ENCODER_KEYS | frozenset(_ADAPTED.split())
_DECODER = (
    "activation_dropout activation_function add_cross_attention attention_dropout bos_token_id "
    "d_model decoder_attention_heads decoder_ffn_dim decoder_layerdrop decoder_layers "
    "decoder_start_token_id dropout encoder_attention_heads encoder_ffn_dim encoder_layers "
    "eos_token_id forced_eos_token_id is_decoder is_encoder_decoder max_position_embeddings "
    "model_type pad_token_id scale_embedding tie_word_embeddings use_cache vocab_size"
)
DECODER_KEYS = frozenset(_DECODER.split())
_TROCR = (
    "activation_dropout activation_function add_cross_attention attention_dropout bos_token_id "
    "cross_attention_hidden_size d_model decoder_attention_heads decoder_ffn_dim "
    "decoder_layerdrop decoder_layers decoder_start_token_id dropout eos_token_id is_decoder "
    "is_encoder_decoder layernorm_embedding max_position_embeddings model_type pad_token_id "
    "scale_embedding tie_word_embeddings use_cache use_learned_position_embeddings vocab_size"
)
TROCR_KEYS = frozenset(_TROCR.split())
_XGLM = (
    "activation_dropout activation_function add_cross_attention attention_dropout attention_heads "
    "bos_token_id d_model decoder_start_token_id dropout eos_token_id ffn_dim is_decoder "
    "is_encoder_decoder layerdrop max_position_embeddings model_type num_layers pad_token_id "
    "scale_embedding tie_word_embeddings use_cache vocab_size"
)
XGLM_KEYS = frozenset(_XGLM.split())
_XGLM_NAMES = {
    "decoder_layers": "num_layers",
    "decoder_ffn_dim": "ffn_dim",
    "decoder_attention_heads": "attention_heads",
}
_CARRIED_ENCODER = (
    "adapter_feed_forward adapter_layer_norm adapter_padding layer_type output_projection "
    "pos_conv_depth"
)
_CARRIED_DECODER = (
    "cross_attention_hidden_size final_layer_norm layernorm_embedding normalize_before "
    "position_embeddings"
)
CARRIED_ENCODER_KEYS = ENCODER_KEYS | frozenset(_CARRIED_ENCODER.split())
CARRIED_DECODER_KEYS = DECODER_KEYS | frozenset(_CARRIED_DECODER.split())
_OPTIONAL = frozenset({"adapter_kernel_size", "adapter_stride", "adapter_padding"})
POSITION_OFFSET = 2
"""Rows that MBart's position embeddings have beyond the positions."""


def is_known(config: JsonObject) -> bool:
    """Whether `tensors` knows such a model."""
    carried = "auto_map" in config
    if config.keys() - {"auto_map"} != MODEL_KEYS:
        return False
    return (
        config["architectures"] == ["SpeechEncoderDecoderModel"]
        and (carried or config["model_type"] == "speech-encoder-decoder")
        and (not carried or _are_of(config["model_type"], config))
        and (_is_carried_encoder if carried else _is_stock_encoder)(config["encoder"])
        and (_is_carried_decoder if carried else _is_stock_decoder)(config["decoder"])
        and config["decoder"].get("cross_attention_hidden_size")
        in (None, config["encoder"]["hidden_size"])
    )


def _are_of(model_type: str, parts: JsonObject) -> bool:
    """Whether the parts are called after the model, as those of carried models are."""
    called = (parts[part].get("model_type") for part in ("encoder", "decoder"))
    return tuple(called) == (f"{model_type}_encoder", f"{model_type}_decoder")


def _is_stock_encoder(encoder: JsonObject) -> bool:
    return (
        ENCODER_KEYS - _OPTIONAL <= encoder.keys() <= ENCODER_KEYS
        and encoder["model_type"] == "wav2vec2"
        and encoder["output_hidden_size"] == encoder["hidden_size"]
        and (not encoder["add_adapter"] or "adapter_kernel_size" in encoder)
        and _is_sound_adapted(encoder)
    )


def _is_carried_encoder(encoder: JsonObject) -> bool:
    return (
        CARRIED_ENCODER_KEYS - _OPTIONAL <= encoder.keys() <= CARRIED_ENCODER_KEYS
        and encoder["layer_type"] == "transformer"
        and encoder["pos_conv_depth"] == 1
        and encoder["output_projection"] in ("linear", "linear_norm", None)
        and encoder["adapter_feed_forward"] in (True, False)
        and encoder["adapter_layer_norm"] in ("input", "layers", None)
        and encoder["add_adapter"] is False
        and (not encoder["num_adapter_layers"] or encoder.keys() == CARRIED_ENCODER_KEYS)
        and is_size(encoder["output_hidden_size"])
        and _is_sound_adapted(encoder)
    )


def _is_sound_adapted(encoder: JsonObject) -> bool:
    sizes = (encoder[key] for key in ("adapter_kernel_size", "adapter_stride") if key in encoder)
    return (
        is_sound_encoder(encoder)
        and all(map(is_size, sizes))
        and type(encoder["num_adapter_layers"]) is int
    )


def _is_stock_decoder(decoder: JsonObject) -> bool:
    return decoder["model_type"] in _IS_STOCK and _IS_STOCK[decoder["model_type"]](decoder)


def _is_mbart(decoder: JsonObject) -> bool:
    return decoder.keys() == DECODER_KEYS and _is_sound_decoder(decoder)


def _is_trocr(decoder: JsonObject) -> bool:
    return (
        decoder.keys() == TROCR_KEYS
        and decoder["use_learned_position_embeddings"] is True
        and decoder["layernorm_embedding"] in (True, False)
        and _is_sound_decoder(decoder)
    )


def _is_xglm(decoder: JsonObject) -> bool:
    return decoder.keys() == XGLM_KEYS and _is_sound_decoder(_as_others_say(decoder))


_IS_STOCK = {"mbart": _is_mbart, "trocr": _is_trocr, "xglm": _is_xglm}


def _as_others_say(decoder: JsonObject) -> JsonObject:
    """A decoder by the keys that most classes have."""
    if not _names_xglm(decoder):
        return decoder
    fixed = {"position_embeddings": "sinusoidal", "layernorm_embedding": False}
    return {**decoder, **fixed, **{key: decoder[own] for key, own in _XGLM_NAMES.items()}}


def _is_carried_decoder(decoder: JsonObject) -> bool:
    return (
        decoder.keys() == CARRIED_DECODER_KEYS
        and decoder["normalize_before"] is True
        and decoder["final_layer_norm"] in (True, False)
        and decoder["layernorm_embedding"] in (True, False)
        and decoder["position_embeddings"] in ("learned", "sinusoidal", "none")
        and _is_sound_decoder(decoder)
    )


def _is_sound_decoder(decoder: JsonObject) -> bool:
    sizes = ("d_model", "decoder_layers", "decoder_ffn_dim", "vocab_size")
    counts = ("decoder_attention_heads", "max_position_embeddings")
    return (
        are_numbers(decoder)
        and all(is_size(decoder[key]) for key in (*sizes, *counts))
        and is_size(decoder.get("encoder_attention_heads", 1))
        and decoder["d_model"] % decoder["decoder_attention_heads"] == 0
        and decoder["activation_function"] in ACTIVATIONS
        and 0 <= decoder["pad_token_id"] < decoder["vocab_size"]
        and decoder["is_decoder"] is True
        and decoder["add_cross_attention"] is True
    )


def tensors(config: JsonObject) -> Shapes:
    """Names and shapes in the order of the state dict."""
    encoder, decoder = config["encoder"], config["decoder"]
    yield from under("encoder", _adapted_encoder(encoder))
    body = "decoder.model" if _names_xglm(decoder) else "decoder.model.decoder"
    yield from under(body, _decoder(_as_others_say(decoder)))
    head = "output_projection" if _names_trocr(decoder) else "lm_head"
    yield f"decoder.{head}.weight", (decoder["vocab_size"], decoder["d_model"])
    bridges = decoder.get("cross_attention_hidden_size") is None
    if bridges and encoder["output_hidden_size"] != decoder["d_model"]:
        yield from linear("enc_to_dec_proj", encoder["hidden_size"], decoder["d_model"])


def _adapted_encoder(encoder: JsonObject) -> Shapes:
    width = encoder["hidden_size"]
    yield from shapes.encoder(encoder)
    if "layer_type" in encoder:
        yield from _output_projection(encoder)
        yield from under("length_adapter", _length_adapter(encoder))
    elif encoder["add_adapter"]:
        for layer in range(encoder["num_adapter_layers"]):
            yield from _adapter_layer(f"adapter.layers.{layer}.conv", encoder, width)


def _output_projection(encoder: JsonObject) -> Shapes:
    given = encoder["output_hidden_size"]
    if encoder["output_projection"] is not None:
        yield from linear("output_projection", encoder["hidden_size"], given)
    if encoder["output_projection"] == "linear_norm":
        yield from norm("output_layer_norm", given)


def _length_adapter(encoder: JsonObject) -> Shapes:
    given, place = encoder["output_hidden_size"], encoder["adapter_layer_norm"]
    taken = encoder["hidden_size"] if encoder["output_projection"] is None else given
    if not encoder["num_adapter_layers"]:
        return
    if place == "input":
        yield from norm("layer_norm", taken)
    if encoder["adapter_feed_forward"]:
        yield from under("half_step_in", _half_step(taken))
    for layer in range(encoder["num_adapter_layers"]):
        yield from _adapter_layer(f"layers.{layer}.conv", encoder, given if layer else taken)
        if place == "layers":
            yield from norm(f"layers.{layer}.layer_norm", given)
    if encoder["adapter_feed_forward"]:
        yield from under("half_step_out", _half_step(given))


def _half_step(width: int) -> Shapes:
    yield from linear("feed_forward.0", width, 4 * width)
    yield from linear("feed_forward.2", 4 * width, width)
    yield from norm("layer_norm", width)


def _adapter_layer(name: str, encoder: JsonObject, taken: int) -> Shapes:
    given = 2 * encoder["output_hidden_size"]
    yield f"{name}.weight", (given, taken, encoder["adapter_kernel_size"])
    yield f"{name}.bias", (given,)


def _decoder(decoder: JsonObject) -> Shapes:
    width = decoder["d_model"]
    yield "embed_tokens.weight", (decoder["vocab_size"], width)
    if decoder.get("position_embeddings", "learned") == "learned":
        rows = decoder["max_position_embeddings"] + POSITION_OFFSET
        yield "embed_positions.weight", (rows, width)
    if _names_trocr(decoder):
        yield from _embedding_norm(decoder)
    attended = decoder.get("cross_attention_hidden_size") or width
    for layer in range(decoder["decoder_layers"]):
        inner, xglm = decoder["decoder_ffn_dim"], _names_xglm(decoder)
        parts = decoder_layer(width, attended, inner, attends_first=xglm)
        yield from under(f"layers.{layer}", parts)
    if _names_trocr(decoder):
        return
    yield from _embedding_norm(decoder)
    if decoder.get("final_layer_norm", True):
        yield from norm("layer_norm", width)


def _names_trocr(decoder: JsonObject) -> bool:
    """Whether the norm of embeddings stands before the layers, and none behind them."""
    return bool(decoder["model_type"] == "trocr")


def _names_xglm(decoder: JsonObject) -> bool:
    """Whether it is of the class that has no encoder to tell its keys apart from."""
    return bool(decoder["model_type"] == "xglm")


def _embedding_norm(decoder: JsonObject) -> Shapes:
    if decoder.get("layernorm_embedding", True):
        yield from norm("layernorm_embedding", decoder["d_model"])
