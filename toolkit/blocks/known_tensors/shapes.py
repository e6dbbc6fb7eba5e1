"""Names and shapes of the parts that models are made of, as transformers has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from toolkit.core.json import JsonObject

ADAPTED = "adapter_attn_dim"
"""The width of adapters for languages; absent where there are none."""
ACTIVATIONS = ("gelu", "relu")
WORDS = frozenset(
    [
        "activation_function",
        "adapter_layer_norm",
        "adapter_padding",
        "classifier_activation",
        "conv_dim",
        "conv_kernel",
        "conv_stride",
        "cross_attention_hidden_size",
        "feat_extract_activation",
        "feat_extract_norm",
        "hidden_act",
        "id2label",
        "label2id",
        "layer_type",
        "model_type",
        "output_projection",
        "position_embeddings",
        "architectures",
        "auto_map",
        "dtype",
    ]
)
"""Keys whose values are no numbers."""
ENCODER_KEYS = frozenset(
    [
        "activation_dropout",
        "apply_spec_augment",
        "attention_dropout",
        "conv_bias",
        "conv_dim",
        "conv_kernel",
        "conv_stride",
        "do_stable_layer_norm",
        "feat_extract_activation",
        "feat_extract_norm",
        "feat_proj_dropout",
        "final_dropout",
        "hidden_act",
        "hidden_dropout",
        "hidden_size",
        "intermediate_size",
        "layer_norm_eps",
        "layerdrop",
        "mask_feature_length",
        "mask_feature_prob",
        "mask_time_length",
        "mask_time_prob",
        "model_type",
        "num_attention_heads",
        "num_conv_pos_embedding_groups",
        "num_conv_pos_embeddings",
        "num_hidden_layers",
    ]
)
"""What every configuration of an encoder of waveforms says."""

GATED = "wavlm"
"""Model type of the class whose attention has gated relative positions."""
ALWAYS_MASKABLE = ("unispeech-sat",)
"""Model types that have a mask embedding also where nothing is masked."""

Shapes = Iterator[tuple[str, tuple[int, ...]]]


def is_sound_encoder(encoder: JsonObject) -> bool:
    """Whether transformers can build an encoder of these values."""
    width, convs = encoder["hidden_size"], encoder["conv_dim"]
    sizes = (
        width,
        *(encoder[key] for key in ("num_hidden_layers", "num_attention_heads")),
        *(encoder[key] for key in ("intermediate_size", "num_conv_pos_embeddings")),
        encoder["num_conv_pos_embedding_groups"],
        *(size for key in ("conv_dim", "conv_kernel", "conv_stride") for size in encoder[key]),
    )
    return (
        are_numbers(encoder)
        and all(map(is_size, sizes))
        and len(convs) == len(encoder["conv_kernel"]) == len(encoder["conv_stride"]) > 0
        and width % encoder["num_attention_heads"] == 0
        and width % encoder["num_conv_pos_embedding_groups"] == 0
        and encoder["hidden_act"] in ACTIVATIONS
        and encoder["feat_extract_activation"] in ACTIVATIONS
        and encoder.get("feat_extract_norm", "layer") in ("layer", "group")
    )


def is_size(value: Any) -> bool:
    """Whether a value is a number of things."""
    return type(value) is int and value > 0


def are_numbers(values: JsonObject) -> bool:
    """Whether what is neither a list nor a word is a number or a truth value."""
    return all(isinstance(v, int | float) for k, v in values.items() if k not in WORDS)


def encoder(config: JsonObject) -> Shapes:
    """An encoder of waveforms with transformer layers, in the order of its state dict."""
    width = config["hidden_size"]
    always = config["model_type"] in ALWAYS_MASKABLE
    if always or config["mask_time_prob"] > 0 or config["mask_feature_prob"] > 0:
        yield "masked_spec_embed", (width,)
    yield from feature_extractor(config)
    last = config["conv_dim"][-1]
    yield from norm("feature_projection.layer_norm", last)
    yield from linear("feature_projection.projection", last, width)
    yield from positional_convolution(config)
    yield from norm("encoder.layer_norm", width)
    for layer in range(config["num_hidden_layers"]):
        attends = gated_attention(config, layer) if config["model_type"] == GATED else None
        inner = encoder_layer(width, config["intermediate_size"], attends)
        yield from under(f"encoder.layers.{layer}", inner)
        adapted = _adapter(width, config.get(ADAPTED))
        yield from under(f"encoder.layers.{layer}.adapter_layer", adapted)


def _adapter(width: int, inner: int | None) -> Shapes:
    """What is behind each layer where languages have weights of their own."""
    if inner is not None:
        yield from norm("norm", width)
        yield from linear("linear_1", width, inner)
        yield from linear("linear_2", inner, width)


def feature_extractor(encoder: JsonObject) -> Shapes:
    """The convolutions that hear waveforms."""
    before = 1
    pairs = zip(encoder["conv_dim"], encoder["conv_kernel"], strict=True)
    for layer, (width, kernel) in enumerate(pairs):
        name = f"feature_extractor.conv_layers.{layer}"
        yield f"{name}.conv.weight", (width, before, kernel)
        if encoder["conv_bias"]:
            yield f"{name}.conv.bias", (width,)
        if encoder.get("feat_extract_norm", "layer") == "layer" or layer == 0:
            yield from norm(f"{name}.layer_norm", width)
        before = width


def positional_convolution(encoder: JsonObject) -> Shapes:
    """The convolution that stands for positions, or several in a row."""
    width, kernel = encoder["hidden_size"], encoder["num_conv_pos_embeddings"]
    group = width // encoder["num_conv_pos_embedding_groups"]
    if "conv_pos_kernel_size" in encoder:
        for layer in range(kernel):
            name = f"encoder.pos_conv_embed.layers.{layer}.conv"
            yield f"{name}.weight", (width, group, encoder["conv_pos_kernel_size"])
            yield f"{name}.bias", (width,)
        return
    name = "encoder.pos_conv_embed.conv"
    yield f"{name}.bias", (width,)
    yield f"{name}.parametrizations.weight.original0", (1, 1, kernel)
    yield f"{name}.parametrizations.weight.original1", (width, group, kernel)


def encoder_layer(width: int, inner: int, attends: Shapes | None = None) -> Shapes:
    """One layer of an encoder, with the usual attention or another one."""
    yield from attention("attention", width, width) if attends is None else attends
    yield from norm("layer_norm", width)
    yield from linear("feed_forward.intermediate_dense", width, inner)
    yield from linear("feed_forward.output_dense", inner, width)
    yield from norm("final_layer_norm", width)


def decoder_layer(width: int, attended: int, inner: int, *, attends_first: bool = False) -> Shapes:
    """One layer of a decoder that attends to states of an encoder of any width."""
    own = (*attention("self_attn", width, width),)
    own_norm = (*norm("self_attn_layer_norm", width),)
    yield from own if attends_first else (*own, *own_norm)
    yield from attention("encoder_attn", width, attended)
    yield from norm("encoder_attn_layer_norm", width)
    yield from own_norm if attends_first else ()
    yield from linear("fc1", width, inner)
    yield from linear("fc2", inner, width)
    yield from norm("final_layer_norm", width)


def attention(name: str, width: int, attended: int) -> Shapes:
    """Queries of one width attend to states of another."""
    for projection in ("k_proj", "v_proj", "q_proj", "out_proj"):
        taken = attended if projection in ("k_proj", "v_proj") else width
        yield from linear(f"{name}.{projection}", taken, width)


def gated_attention(config: JsonObject, layer: int) -> Shapes:
    """Attention with gated relative positions, whose distances the first layer alone looks up."""
    width, heads = config["hidden_size"], config["num_attention_heads"]
    yield "attention.gru_rel_pos_const", (1, heads, 1, 1)
    yield from attention("attention", width, width)
    yield from linear("attention.gru_rel_pos_linear", width // heads, 8)
    if layer == 0:
        yield "attention.rel_attn_embed.weight", (config["num_buckets"], heads)


def linear(name: str, taken: int, given: int) -> Shapes:
    """A linear layer with a bias."""
    yield f"{name}.weight", (given, taken)
    yield f"{name}.bias", (given,)


def norm(name: str, width: int) -> Shapes:
    """A norm with a bias."""
    yield f"{name}.weight", (width,)
    yield f"{name}.bias", (width,)


def under(prefix: str, shapes: Shapes) -> Shapes:
    """The same below a module."""
    for name, shape in shapes:
        yield f"{prefix}.{name}", shape
