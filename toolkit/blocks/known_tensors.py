"""The tensors of the usual classes as data, so that a conversion imports neither torch nor transformers.

Names and shapes follow from the configuration. They are those of the versions of transformers in
`COMPARED_WITH`, which tests hold this file against; for any other version, class or value there is
no answer here, and the model itself must be asked: `toolkit.folder.skeleton.target_specs`.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from toolkit.core.json import JsonObject
from toolkit.core.spec import TensorSpec

CONVERTED = ("model.", "wav2vec2.", "hubert.", "lm_head.", "encoder.encoder.", "bert.")
"""What names begin with in files of transformers that are taken for checkpoints."""
COMPARED_WITH = frozenset({"5.23.0"})
"""Versions of transformers for which tests have found this file right."""

_MODEL = (
    "architectures bos_token_id decoder decoder_start_token_id dtype encoder eos_token_id "
    "is_encoder_decoder model_type pad_token_id tie_word_embeddings"
)
MODEL_KEYS = frozenset(_MODEL.split())
_ENCODER = (
    "activation_dropout adapter_kernel_size adapter_stride add_adapter apply_spec_augment "
    "attention_dropout conv_bias conv_dim conv_kernel conv_stride do_stable_layer_norm "
    "feat_extract_activation feat_extract_norm feat_proj_dropout final_dropout hidden_act "
    "hidden_dropout hidden_size intermediate_size layer_norm_eps layerdrop mask_feature_length "
    "mask_feature_prob mask_time_length mask_time_prob model_type num_adapter_layers "
    "num_attention_heads num_conv_pos_embedding_groups num_conv_pos_embeddings num_hidden_layers "
    "output_hidden_size"
)
ENCODER_KEYS = frozenset(_ENCODER.split())
_DECODER = (
    "activation_dropout activation_function add_cross_attention attention_dropout bos_token_id "
    "d_model decoder_attention_heads decoder_ffn_dim decoder_layerdrop decoder_layers "
    "decoder_start_token_id dropout encoder_attention_heads encoder_ffn_dim encoder_layers "
    "eos_token_id forced_eos_token_id is_decoder is_encoder_decoder max_position_embeddings "
    "model_type pad_token_id scale_embedding tie_word_embeddings use_cache vocab_size"
)
DECODER_KEYS = frozenset(_DECODER.split())
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
ACTIVATIONS = ("gelu", "relu")
_WORDS = (
    "activation_function adapter_layer_norm adapter_padding conv_dim conv_kernel conv_stride "
    "cross_attention_hidden_size feat_extract_activation feat_extract_norm hidden_act layer_type "
    "model_type output_projection position_embeddings"
)
_NO_NUMBERS = frozenset(_WORDS.split())
POSITION_OFFSET = 2
"""Rows that MBart's position embeddings have beyond the positions."""

Shapes = Iterator[tuple[str, tuple[int, ...]]]


def maybe_known_specs(config: JsonObject) -> dict[str, TensorSpec] | None:
    """What `target_specs` returns, or None where only the model itself can tell.

    Args:
        config: What `config.json` will hold.
    """
    if _transformers_version() not in COMPARED_WITH or not _is_known(config):
        return None
    return {
        name: TensorSpec(name=name, dtype="float32", shape=shape) for name, shape in _model(config)
    }


def _transformers_version() -> str | None:
    try:
        return version("transformers")
    except PackageNotFoundError:
        return None


def _is_known(config: JsonObject) -> bool:
    carried = "auto_map" in config
    if config.keys() - {"auto_map"} != MODEL_KEYS:
        return False
    kind = "xm_transformer" if carried else "speech-encoder-decoder"
    return (
        config["architectures"] == ["SpeechEncoderDecoderModel"]
        and config["model_type"] == kind
        and (_is_carried_encoder if carried else _is_stock_encoder)(config["encoder"])
        and (_is_carried_decoder if carried else _is_stock_decoder)(config["decoder"])
        and config["decoder"].get("cross_attention_hidden_size")
        in (None, config["encoder"]["hidden_size"])
    )


def _is_stock_encoder(encoder: JsonObject) -> bool:
    return (
        ENCODER_KEYS - _OPTIONAL <= encoder.keys() <= ENCODER_KEYS
        and encoder["model_type"] == "wav2vec2"
        and encoder["output_hidden_size"] == encoder["hidden_size"]
        and (not encoder["add_adapter"] or "adapter_kernel_size" in encoder)
        and _is_sound_encoder(encoder)
    )


def _is_carried_encoder(encoder: JsonObject) -> bool:
    return (
        CARRIED_ENCODER_KEYS - _OPTIONAL <= encoder.keys() <= CARRIED_ENCODER_KEYS
        and encoder["model_type"] == "xm_transformer_encoder"
        and encoder["layer_type"] == "transformer"
        and encoder["pos_conv_depth"] == 1
        and encoder["output_projection"] in ("linear", "linear_norm", None)
        and encoder["adapter_feed_forward"] in (True, False)
        and encoder["adapter_layer_norm"] in ("input", "layers", None)
        and encoder["add_adapter"] is False
        and (not encoder["num_adapter_layers"] or encoder.keys() == CARRIED_ENCODER_KEYS)
        and _is_size(encoder["output_hidden_size"])
        and _is_sound_encoder(encoder)
    )


def _is_sound_encoder(encoder: JsonObject) -> bool:
    width, convs = encoder["hidden_size"], encoder["conv_dim"]
    sizes = (
        width,
        *(encoder[key] for key in ("num_hidden_layers", "num_attention_heads")),
        *(encoder[key] for key in ("intermediate_size", "num_conv_pos_embeddings")),
        encoder["num_conv_pos_embedding_groups"],
        *(size for key in ("conv_dim", "conv_kernel", "conv_stride") for size in encoder[key]),
        *(encoder[key] for key in ("adapter_kernel_size", "adapter_stride") if key in encoder),
    )
    return (
        _are_numbers(encoder)
        and all(map(_is_size, sizes))
        and len(convs) == len(encoder["conv_kernel"]) == len(encoder["conv_stride"]) > 0
        and width % encoder["num_attention_heads"] == 0
        and width % encoder["num_conv_pos_embedding_groups"] == 0
        and encoder["hidden_act"] in ACTIVATIONS
        and encoder["feat_extract_activation"] in ACTIVATIONS
        and encoder["feat_extract_norm"] in ("layer", "group")
        and type(encoder["num_adapter_layers"]) is int
    )


def _is_stock_decoder(decoder: JsonObject) -> bool:
    return (
        decoder.keys() == DECODER_KEYS
        and decoder["model_type"] == "mbart"
        and _is_sound_decoder(decoder)
    )


def _is_carried_decoder(decoder: JsonObject) -> bool:
    return (
        decoder.keys() == CARRIED_DECODER_KEYS
        and decoder["model_type"] == "xm_transformer_decoder"
        and decoder["normalize_before"] is True
        and decoder["final_layer_norm"] in (True, False)
        and decoder["layernorm_embedding"] in (True, False)
        and decoder["position_embeddings"] in ("learned", "sinusoidal", "none")
        and _is_sound_decoder(decoder)
    )


def _is_sound_decoder(decoder: JsonObject) -> bool:
    sizes = ("d_model", "decoder_layers", "decoder_ffn_dim", "vocab_size")
    counts = ("decoder_attention_heads", "max_position_embeddings", "encoder_attention_heads")
    return (
        _are_numbers(decoder)
        and all(_is_size(decoder[key]) for key in (*sizes, *counts))
        and decoder["d_model"] % decoder["decoder_attention_heads"] == 0
        and decoder["activation_function"] in ACTIVATIONS
        and 0 <= decoder["pad_token_id"] < decoder["vocab_size"]
        and decoder["is_decoder"] is True
        and decoder["add_cross_attention"] is True
    )


def _is_size(value: Any) -> bool:
    return type(value) is int and value > 0


def _are_numbers(values: JsonObject) -> bool:
    """Whether what is neither a list nor a word is a number or a truth value."""
    return all(isinstance(v, int | float) for k, v in values.items() if k not in _NO_NUMBERS)


def _model(config: JsonObject) -> Shapes:
    encoder, decoder = config["encoder"], config["decoder"]
    yield from _under("encoder", _encoder(encoder))
    yield from _under("decoder.model.decoder", _decoder(decoder))
    yield "decoder.lm_head.weight", (decoder["vocab_size"], decoder["d_model"])
    bridges = decoder.get("cross_attention_hidden_size") is None
    if bridges and encoder["output_hidden_size"] != decoder["d_model"]:
        yield from _linear("enc_to_dec_proj", encoder["hidden_size"], decoder["d_model"])


def _encoder(encoder: JsonObject) -> Shapes:
    width = encoder["hidden_size"]
    if encoder["mask_time_prob"] > 0 or encoder["mask_feature_prob"] > 0:
        yield "masked_spec_embed", (width,)
    yield from _feature_extractor(encoder)
    last = encoder["conv_dim"][-1]
    yield from _norm("feature_projection.layer_norm", last)
    yield from _linear("feature_projection.projection", last, width)
    yield from _positional_convolution(encoder)
    yield from _norm("encoder.layer_norm", width)
    for layer in range(encoder["num_hidden_layers"]):
        inner = _encoder_layer(width, encoder["intermediate_size"])
        yield from _under(f"encoder.layers.{layer}", inner)
    if "layer_type" in encoder:
        yield from _output_projection(encoder)
        yield from _under("length_adapter", _length_adapter(encoder))
    elif encoder["add_adapter"]:
        for layer in range(encoder["num_adapter_layers"]):
            yield from _adapter_layer(f"adapter.layers.{layer}.conv", encoder, width)


def _output_projection(encoder: JsonObject) -> Shapes:
    given = encoder["output_hidden_size"]
    if encoder["output_projection"] is not None:
        yield from _linear("output_projection", encoder["hidden_size"], given)
    if encoder["output_projection"] == "linear_norm":
        yield from _norm("output_layer_norm", given)


def _length_adapter(encoder: JsonObject) -> Shapes:
    given, norm = encoder["output_hidden_size"], encoder["adapter_layer_norm"]
    taken = encoder["hidden_size"] if encoder["output_projection"] is None else given
    if not encoder["num_adapter_layers"]:
        return
    if norm == "input":
        yield from _norm("layer_norm", taken)
    if encoder["adapter_feed_forward"]:
        yield from _under("half_step_in", _half_step(taken))
    for layer in range(encoder["num_adapter_layers"]):
        yield from _adapter_layer(f"layers.{layer}.conv", encoder, given if layer else taken)
        if norm == "layers":
            yield from _norm(f"layers.{layer}.layer_norm", given)
    if encoder["adapter_feed_forward"]:
        yield from _under("half_step_out", _half_step(given))


def _half_step(width: int) -> Shapes:
    yield from _linear("feed_forward.0", width, 4 * width)
    yield from _linear("feed_forward.2", 4 * width, width)
    yield from _norm("layer_norm", width)


def _adapter_layer(name: str, encoder: JsonObject, taken: int) -> Shapes:
    given = 2 * encoder["output_hidden_size"]
    yield f"{name}.weight", (given, taken, encoder["adapter_kernel_size"])
    yield f"{name}.bias", (given,)


def _feature_extractor(encoder: JsonObject) -> Shapes:
    before = 1
    pairs = zip(encoder["conv_dim"], encoder["conv_kernel"], strict=True)
    for layer, (width, kernel) in enumerate(pairs):
        name = f"feature_extractor.conv_layers.{layer}"
        yield f"{name}.conv.weight", (width, before, kernel)
        if encoder["conv_bias"]:
            yield f"{name}.conv.bias", (width,)
        if encoder["feat_extract_norm"] == "layer" or layer == 0:
            yield from _norm(f"{name}.layer_norm", width)
        before = width


def _positional_convolution(encoder: JsonObject) -> Shapes:
    width, kernel = encoder["hidden_size"], encoder["num_conv_pos_embeddings"]
    group = width // encoder["num_conv_pos_embedding_groups"]
    name = "encoder.pos_conv_embed.conv"
    yield f"{name}.bias", (width,)
    yield f"{name}.parametrizations.weight.original0", (1, 1, kernel)
    yield f"{name}.parametrizations.weight.original1", (width, group, kernel)


def _encoder_layer(width: int, inner: int) -> Shapes:
    yield from _attention("attention", width, width)
    yield from _norm("layer_norm", width)
    yield from _linear("feed_forward.intermediate_dense", width, inner)
    yield from _linear("feed_forward.output_dense", inner, width)
    yield from _norm("final_layer_norm", width)


def _decoder(decoder: JsonObject) -> Shapes:
    width = decoder["d_model"]
    yield "embed_tokens.weight", (decoder["vocab_size"], width)
    if decoder.get("position_embeddings", "learned") == "learned":
        rows = decoder["max_position_embeddings"] + POSITION_OFFSET
        yield "embed_positions.weight", (rows, width)
    attended = decoder.get("cross_attention_hidden_size") or width
    for layer in range(decoder["decoder_layers"]):
        inner = _decoder_layer(width, attended, decoder["decoder_ffn_dim"])
        yield from _under(f"layers.{layer}", inner)
    if decoder.get("layernorm_embedding", True):
        yield from _norm("layernorm_embedding", width)
    if decoder.get("final_layer_norm", True):
        yield from _norm("layer_norm", width)


def _decoder_layer(width: int, attended: int, inner: int) -> Shapes:
    for attention, taken in (("self_attn", width), ("encoder_attn", attended)):
        yield from _attention(attention, width, taken)
        yield from _norm(f"{attention}_layer_norm", width)
    yield from _linear("fc1", width, inner)
    yield from _linear("fc2", inner, width)
    yield from _norm("final_layer_norm", width)


def _attention(name: str, width: int, attended: int) -> Shapes:
    """Queries of one width attend to states of another."""
    for projection in ("k_proj", "v_proj", "q_proj", "out_proj"):
        taken = attended if projection in ("k_proj", "v_proj") else width
        yield from _linear(f"{name}.{projection}", taken, width)


def _linear(name: str, taken: int, given: int) -> Shapes:
    yield f"{name}.weight", (given, taken)
    yield f"{name}.bias", (given,)


def _norm(name: str, width: int) -> Shapes:
    yield f"{name}.weight", (width,)
    yield f"{name}.bias", (width,)


def _under(prefix: str, shapes: Shapes) -> Shapes:
    for name, shape in shapes:
        yield f"{prefix}.{name}", shape
