"""Twenty mistakes for each port of `ports` and `foreign_ports`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.modules.faults import (
    Fault,
    changed,
    computing,
    drop_out,
    exchanged,
    halves_dealt,
    heads_dealt,
    ignoring,
    interleaved,
    layers_exchanged,
    norm_before,
    norm_first,
    rounded,
    set_everywhere,
    set_to,
    shifted,
    times,
    untied,
    with_bias,
    without,
    without_residual,
)

# torch's encoder as one of BERT

_BERT = "layer.{}.attention.self."
BERT_FAULTS = (
    changed("layer.1.attention.self.query.weight", lambda t: t * 2, "scaled", "scaled"),
    changed("layer.0.attention.output.dense.weight", lambda t: t.T, "transposed", "transposed"),
    changed(
        "layer.0.attention.self.value.weight", heads_dealt, "heads dealt out", "heads_permuted"
    ),
    changed("layer.1.output.LayerNorm.weight", torch.ones_like, "not filled", "not_filled"),
    changed("layer.1.intermediate.dense.bias", torch.zeros_like, "forgotten", "zeroed"),
    changed("layer.0.output.dense.weight", rounded, "rounded", "precision_lost"),
    exchanged("layer.0.attention.self.query.weight", "layer.0.attention.self.key.weight"),
    exchanged("layer.1.output.LayerNorm.bias", "layer.1.attention.output.LayerNorm.bias"),
    interleaved(tuple(f"layer.1.attention.self.{n}.weight" for n in ("query", "key", "value"))),
    layers_exchanged("layer.0", "layer.1"),
    without("layer.1.output.dense", "bias"),
    set_everywhere(nn.LayerNorm, "eps", 1e-12, ("layer.0.attention.output.LayerNorm",)),
    set_to("layer.1.intermediate", "intermediate_act_fn", nn.GELU("tanh"), at="layer.1"),
    set_to("layer.0.intermediate", "intermediate_act_fn", nn.ReLU(), at="layer.0"),
    set_to("layer.0.attention.self", "scaling", 1.0, at="layer.0"),
    computing(
        "layer.0.attention.self", ignoring("attention_mask"), "ignores its mask", ("layer.0",)
    ),
    computing("layer.1.attention.output", without_residual, "adds no residual", ("layer.1",)),
    computing("layer.1.output", norm_before, "norms before it adds", ("layer.1",)),
    computing("layer.1.output.dropout", drop_out, "always drops", ("layer.1",), "random"),
    computing("layer.0.attention.output.dense", times(0.5), "halves", ("layer.0",)),
)

# fairseq's RoBERTa as that of transformers


def _positions_from_zero(_module: nn.Module, forward: Callable[..., Tensor], ids: Tensor) -> Tensor:
    """Positions that begin at zero, not behind the padding's."""
    return forward(ids - 2)


def _no_norm(module: Any, _forward: object, features: Tensor, **_: object) -> Tensor:
    """A head without its norm."""
    return module.decoder(functional.gelu(module.dense(features)))


def _embed_twice(_module: object, forward: Callable[..., Tensor], **kwargs: Any) -> Tensor:
    """Embeddings multiplied by the root of their width, as in other models."""
    return forward(**kwargs) * 4


_LAYER = "roberta.encoder.layer"
ROBERTA_FAULTS = (
    changed(
        "roberta.embeddings.position_embeddings.weight", shifted, "moved by a row", "rows_shifted"
    ),
    changed("roberta.embeddings.word_embeddings.weight", shifted, "moved by a row", "rows_shifted"),
    changed(f"{_LAYER}.0.attention.self.key.weight", lambda t: t.T, "transposed", "transposed"),
    changed(
        f"{_LAYER}.1.attention.self.query.weight", heads_dealt, "heads dealt out", "heads_permuted"
    ),
    changed(f"{_LAYER}.1.attention.self.key.bias", torch.zeros_like, "forgotten", "zeroed"),
    changed("lm_head.layer_norm.weight", torch.ones_like, "not filled", "not_filled"),
    changed("lm_head.dense.weight", lambda t: -t, "sign flipped", "sign_flipped"),
    exchanged(f"{_LAYER}.0.attention.self.query.bias", f"{_LAYER}.0.attention.self.value.bias"),
    exchanged(f"{_LAYER}.0.output.dense.weight", f"{_LAYER}.1.output.dense.weight", "layer_offset"),
    layers_exchanged(f"{_LAYER}.0", f"{_LAYER}.1"),
    untied("lm_head.decoder", "weight"),
    without(f"{_LAYER}.0.intermediate.dense", "bias"),
    set_everywhere(nn.LayerNorm, "eps", 1e-12, ("roberta.embeddings.LayerNorm",)),
    set_to(f"{_LAYER}.1.intermediate", "intermediate_act_fn", nn.GELU("tanh"), at=f"{_LAYER}.1"),
    set_to(f"{_LAYER}.0.attention.self", "scaling", 0.25, at=f"{_LAYER}.0"),
    computing(
        "roberta.embeddings.position_embeddings",
        _positions_from_zero,
        "begins at zero",
    ),
    computing(
        f"{_LAYER}.1.attention.output", without_residual, "adds no residual", (f"{_LAYER}.1",)
    ),
    computing("lm_head", _no_norm, "has no norm"),
    computing("roberta.embeddings", _embed_twice, "scales", ("roberta.embeddings", "roberta")),
    computing("roberta.embeddings.LayerNorm", drop_out, "always drops", hypothesis="random"),
)

# OpenAI's Whisper as that of transformers


def _looking_ahead(_module: object, forward: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """A decoder's attention without its mask."""
    return forward(*args, **{**kwargs, "attention_mask": None})


def _to_itself(
    _module: object, forward: Callable[..., Any], hidden_states: Tensor, **kwargs: Any
) -> Any:
    """A decoder that looks at itself where it should look at the encoder."""
    return forward(hidden_states, **{**kwargs, "key_value_states": hidden_states})


def _late(_module: object, forward: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
    """Positions that are one too far on."""
    return forward(*args, **kwargs).roll(1, -2)


def _strided(model: Any) -> None:
    model.model.encoder.conv1.stride, model.model.encoder.conv2.stride = (2,), (1,)


_DEC, _ENC = "model.decoder.layers", "model.encoder.layers"
WHISPER_FAULTS = (
    changed(f"{_ENC}.0.self_attn.k_proj.weight", lambda t: t.T, "transposed", "transposed"),
    changed(
        f"{_DEC}.1.encoder_attn.q_proj.weight", heads_dealt, "heads dealt out", "heads_permuted"
    ),
    changed(
        "model.encoder.conv1.weight", lambda t: t.flip(-1), "flipped in time", "kernel_flipped"
    ),
    changed("model.decoder.embed_positions.weight", shifted, "moved by a row", "rows_shifted"),
    changed("model.encoder.embed_positions.weight", rounded, "rounded", "precision_lost"),
    changed("model.decoder.layer_norm.weight", torch.ones_like, "not filled", "not_filled"),
    exchanged(f"{_DEC}.0.self_attn.v_proj.weight", f"{_DEC}.0.encoder_attn.v_proj.weight"),
    exchanged(f"{_ENC}.1.self_attn_layer_norm.weight", f"{_ENC}.1.final_layer_norm.weight"),
    layers_exchanged(f"{_DEC}.0", f"{_DEC}.1"),
    untied("proj_out", "weight", "not_filled"),
    with_bias(f"{_ENC}.0.self_attn.k_proj"),
    without(f"{_DEC}.1.fc2", "bias"),
    set_to(f"{_ENC}.1", "activation_fn", nn.GELU("tanh")),
    set_to(f"{_DEC}.0.encoder_attn", "scaling", 1.0),
    set_to("model.encoder.conv2", "padding", (0,)),
    Fault(name="strides exchanged", do=_strided, at=("model.encoder.conv1",), hypothesis="setting"),
    computing(f"{_DEC}.0.self_attn", _looking_ahead, "looks ahead"),
    computing(f"{_DEC}.1.encoder_attn", _to_itself, "looks at itself"),
    computing(f"{_ENC}.1", norm_first, "has its norms exchanged"),
    computing("model.decoder.embed_positions", _late, "is late", ("model.decoder",)),
)

# Meta's ESM-2 as that of transformers


def _no_dropout_of_tokens(model: Any) -> None:
    model.esm.embeddings.token_dropout = False


def _rotated_otherwise(
    _module: nn.Module, forward: Callable[..., Any], *args: Any, **kwargs: Any
) -> Any:
    """Rotations of neighbours in place of halves."""
    cos, sin = forward(*args, **kwargs)
    half = cos.shape[-1] // 2
    return cos[..., :half].repeat_interleave(2, -1), sin[..., :half].repeat_interleave(2, -1)


def _without_last_norm(_module: nn.Module, _forward: object, hidden_states: Tensor) -> Tensor:
    """States as the last layer left them."""
    return hidden_states


def _norm_behind(module: Any, _forward: object, hidden_states: Tensor, **kwargs: Any) -> Tensor:
    """A feed-forward part that norms its sum."""
    states = module.attention(hidden_states, **kwargs)
    return module.LayerNorm(module.output(module.intermediate(states), states))


_ESM = "esm.encoder.layer"
_ATTENTION = "attention.self"
ESM_FAULTS = (
    changed(
        f"{_ESM}.0.{_ATTENTION}.query.weight", halves_dealt, "dealt by halves", "heads_permuted"
    ),
    changed(f"{_ESM}.1.{_ATTENTION}.value.weight", lambda t: t.T, "transposed", "transposed"),
    changed(f"{_ESM}.1.attention.output.dense.bias", torch.zeros_like, "forgotten", "zeroed"),
    changed("esm.embeddings.word_embeddings.weight", shifted, "moved by a row", "rows_shifted"),
    changed("esm.rotary_embeddings.inv_freq", lambda t: t * 0.5, "scaled", "scaled"),
    changed("esm.encoder.emb_layer_norm_after.weight", torch.ones_like, "not filled", "not_filled"),
    changed("esm.contact_head.regression.weight", lambda t: t * 1.1, "scaled", "scaled"),
    changed("lm_head.dense.weight", rounded, "rounded", "precision_lost"),
    exchanged(f"{_ESM}.0.{_ATTENTION}.query.weight", f"{_ESM}.0.{_ATTENTION}.key.weight"),
    exchanged(f"{_ESM}.1.attention.LayerNorm.bias", f"{_ESM}.1.LayerNorm.bias"),
    interleaved(tuple(f"{_ESM}.1.{_ATTENTION}.{n}.weight" for n in ("query", "key", "value"))),
    layers_exchanged(f"{_ESM}.0", f"{_ESM}.1"),
    untied("lm_head.decoder", "weight"),
    without(f"{_ESM}.0.output.dense", "bias"),
    set_everywhere(nn.LayerNorm, "eps", 1e-12, (f"{_ESM}.0.attention.LayerNorm",)),
    Fault(name="tokens are not dropped", do=_no_dropout_of_tokens, at=("esm.embeddings",)),
    computing("esm.rotary_embeddings", _rotated_otherwise, "turns neighbours", (f"{_ESM}.0",)),
    computing("esm.encoder.emb_layer_norm_after", _without_last_norm, "does nothing"),
    computing(f"{_ESM}.1", _norm_behind, "norms its sum"),
    computing(f"{_ESM}.0.{_ATTENTION}.key", times(0.5), "halves"),
)

FAULTS: Mapping[str, tuple[Fault, ...]] = {
    "torch's encoder": BERT_FAULTS,
    "fairseq's RoBERTa": ROBERTA_FAULTS,
    "OpenAI's Whisper": WHISPER_FAULTS,
    "Meta's ESM-2": ESM_FAULTS,
}
"""By the name of the port."""
