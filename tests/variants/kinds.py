"""XMTransformers of every generation and flag, each by what differs from the plainest one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from tests.variants.arguments import conformer
from tests.variants.states import (
    Save,
    as_cfg,
    as_dict_config,
    in_half,
    july_2021,
    of_units,
    rewrite_dict,
    with_bracketed_tags,
    with_multitask_decoders,
    with_optimizer,
    without_w2v_args,
)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One kind of checkpoint: what differs from the plainest one."""

    name: str
    model: Mapping[str, Any] = field(default_factory=dict)
    w2v: Mapping[str, Any] = field(default_factory=dict)
    save: Save | None = None
    """Makes the saved state; None saves `args` and `model`."""
    legacy: bool = False
    """Saved as torch saved before 1.6: no zip file."""
    companions: Callable[[Path], None] | None = None
    """Changes what stands beside the checkpoint before it is built."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What the conversion is told beside the checkpoint."""
    seed: int = 1
    ends: str = "native exact"
    """`native exact`, `bundled exact`, or `refused:` and what the refusal names."""
    broken: str = "decoder.model.decoder.layers.1.fc1"
    """Module of the converted model that is broken on purpose, for diff to blame."""


VARIANTS = (
    Variant(name="v0, equal widths"),
    Variant(
        name="no post_extract_proj",
        w2v={"conv_feature_layers": "[(32, 10, 5)] + [(32, 3, 2)] * 4 + [(32, 2, 2)] * 2"},
    ),
    Variant(name="decoder relu", model={"activation_fn": "relu"}),
    Variant(name="decoder gelu_accurate", model={"activation_fn": "gelu_accurate"}),
    Variant(name="decoder tanh", model={"activation_fn": "tanh"}),
    Variant(name="encoder relu", w2v={"activation_fn": "relu"}),
    Variant(
        name="untied output",
        broken="decoder.lm_head",
        model={"share_decoder_input_output_embed": False},
    ),
    Variant(name="no_scale_embedding", model={"no_scale_embedding": True}),
    Variant(name="no conv bias", w2v={"conv_bias": False}),
    Variant(
        name="group-norm extractor, post-LN encoder",
        broken="encoder.feature_extractor.conv_layers.0.layer_norm",
        w2v={"extractor_mode": "default", "layer_norm_first": False, "conv_bias": False},
    ),
    Variant(name="odd positional kernel", w2v={"conv_pos": 15}),
    Variant(name="adaptor stride 1", model={"adaptor_stride": 1}),
    Variant(
        name="adaptor stride 3", broken="encoder.adapter.layers.1.conv", model={"adaptor_stride": 3}
    ),
    Variant(
        name="adaptor of 1 layer",
        broken="encoder.adapter.layers.0.conv",
        model={"adaptor_n_layers": 1},
    ),
    Variant(
        name="adaptor of 5 layers",
        broken="encoder.adapter.layers.4.conv",
        model={"adaptor_n_layers": 5},
    ),
    Variant(name="no adaptor", model={"adaptor_n_layers": 0}),
    Variant(name="weight norm removed", model={"remove_weight_norm": True}),
    Variant(name="max_target_positions 100", model={"max_target_positions": 100}),
    Variant(
        name="head width 12",
        w2v={"encoder_embed_dim": 36, "encoder_attention_heads": 3},
        model={"encoder_embed_dim": 36, "decoder_embed_dim": 36, "decoder_attention_heads": 3},
    ),
    Variant(name="cfg instead of args", save=as_cfg),
    Variant(name="cfg as DictConfig", save=as_dict_config),
    Variant(name="legacy serialization", legacy=True),
    Variant(name="multitask decoders", save=with_multitask_decoders),
    Variant(name="decoder linear", model={"activation_fn": "linear"}),
    Variant(name="decoder relu_squared", model={"activation_fn": "relu_squared"}),
    Variant(name="unit vocabulary, no language tags", companions=of_units),
    Variant(
        name="pruned dict with the original spm",
        companions=rewrite_dict(lambda rows: rows[:60:2] + rows[60:]),
        ends="native exact, bundled tokenizer",
    ),
    Variant(
        name="madeupword and <mask> rows",
        companions=rewrite_dict(
            lambda rows: [*rows, *(f"madeupword{i:04d} 0" for i in range(3)), "<mask> 0"]
        ),
    ),
    Variant(name="tags as [xx_XX]", companions=with_bracketed_tags),
    Variant(name="float16 weights", save=in_half(torch.float16)),
    Variant(name="bfloat16 weights", save=in_half(torch.bfloat16)),
    Variant(name="with optimizer state", save=with_optimizer),
    Variant(name="without wav2vec2 arguments", save=without_w2v_args),
    Variant(name="encoder_proj, equal widths", model={"encoder_proj": True}),
    Variant(
        name="encoder_proj to a wider decoder, no adaptor",
        broken="enc_to_dec_proj",
        model={"encoder_proj": True, "decoder_embed_dim": 48, "adaptor_n_layers": 0},
    ),
    Variant(name="post-norm decoder", model={"decoder_normalize_before": False}),
    Variant(
        name="post-norm decoder, no layernorm_embedding",
        broken="decoder.model.decoder.layers.1.final_layer_norm",
        model={"decoder_normalize_before": False, "layernorm_embedding": False},
    ),
    Variant(
        name="post-norm decoder wider than a v0 encoder",
        broken="decoder.model.decoder.layers.0.encoder_attn.k_proj",
        model={"decoder_normalize_before": False, "decoder_embed_dim": 48},
    ),
    Variant(
        name="no layernorm_embedding", model={"layernorm_embedding": False}, ends="bundled exact"
    ),
    Variant(
        name="sinusoidal positions", model={"decoder_learned_pos": False}, ends="bundled exact"
    ),
    Variant(
        name="sinusoidal positions, no layernorm_embedding",
        broken="decoder.model.layers.1.fc1",
        model={"decoder_learned_pos": False, "layernorm_embedding": False},
    ),
    Variant(
        name="sinusoidal positions, no layernorm_embedding, untied",
        broken="decoder.model.layers.0.encoder_attn.v_proj",
        model={
            "decoder_learned_pos": False,
            "layernorm_embedding": False,
            "share_decoder_input_output_embed": False,
            "no_scale_embedding": True,
            "activation_fn": "relu",
        },
    ),
    Variant(
        name="sinusoidal positions, post-norm decoder",
        model={"decoder_learned_pos": False, "decoder_normalize_before": False},
        ends="bundled exact",
    ),
    Variant(
        name="no positions", model={"no_token_positional_embeddings": True}, ends="bundled exact"
    ),
    Variant(
        name="encoder_proj to a wider decoder",
        broken="encoder.output_projection",
        model={"encoder_proj": True, "decoder_embed_dim": 48},
        ends="bundled exact",
    ),
    Variant(
        name="encoder_proj to a narrower decoder",
        broken="encoder.output_projection",
        model={"encoder_proj": True, "decoder_embed_dim": 16},
        ends="bundled exact",
    ),
    Variant(
        name="adaptor_proj (v1), equal widths",
        broken="encoder.length_adapter.half_step_in.feed_forward.2",
        model={"adaptor_proj": True},
        ends="bundled exact",
    ),
    Variant(
        name="adaptor_proj (v1), wider decoder",
        broken="encoder.length_adapter.half_step_out.layer_norm",
        model={"adaptor_proj": True, "decoder_embed_dim": 48},
        ends="bundled exact",
    ),
    Variant(
        name="adaptor_proj (v1), no adaptor layers, wider decoder",
        broken="encoder.output_layer_norm",
        model={"adaptor_proj": True, "decoder_embed_dim": 48, "adaptor_n_layers": 0},
        ends="bundled exact",
    ),
    Variant(
        name="adaptor_layernorm",
        broken="encoder.length_adapter.layer_norm",
        model={"adaptor_layernorm": True},
        ends="bundled exact",
    ),
    Variant(
        name="adaptor_layernorm and adaptor_proj",
        broken="encoder.length_adapter.half_step_out.feed_forward.0",
        model={"adaptor_layernorm": True, "adaptor_proj": True, "decoder_embed_dim": 48},
        ends="bundled exact",
    ),
    Variant(
        name="decoder wider than a v0 encoder",
        broken="decoder.model.decoder.layers.1.encoder_attn.v_proj",
        model={"decoder_embed_dim": 48},
        ends="bundled exact",
    ),
    Variant(
        name="decoder narrower than a v0 encoder",
        broken="decoder.model.decoder.layers.0.encoder_attn.k_proj",
        model={"decoder_embed_dim": 16},
        ends="bundled exact",
    ),
    Variant(
        name="July 2021, equal widths",
        broken="encoder.length_adapter.layers.1.layer_norm",
        save=july_2021(32),
        ends="bundled exact",
    ),
    Variant(
        name="July 2021, wider decoder",
        broken="encoder.length_adapter.layers.0.conv",
        model={"encoder_proj": True, "decoder_embed_dim": 48},
        save=july_2021(48),
        ends="bundled exact",
    ),
    Variant(
        name="July 2021, narrower decoder, no norms",
        broken="encoder.length_adapter.layers.0.conv",
        model={"encoder_proj": True, "decoder_embed_dim": 16},
        save=july_2021(16, norms=False),
        ends="bundled exact",
    ),
    Variant(
        name="v0 with --exact-padding",
        broken="encoder.length_adapter.layers.2.conv",
        options={"exact_padding": True},
        ends="bundled exact",
    ),
    Variant(
        name="v0 with --padding-reference unmasked",
        options={"padding_reference": "unmasked"},
    ),
    *(
        Variant(
            name=f"adaptor kernel {kernel}",
            broken="encoder.length_adapter.layers.2.conv",
            model={"adaptor_kernel_size": kernel},
            ends="bundled exact",
        )
        for kernel in (1, 2, 4, 5, 7)
    ),
    *(
        Variant(
            name=f"conformer, {positions}",
            w2v=conformer(positions, attention),
            broken="encoder.encoder.layers.1.conv_module.depthwise_conv",
            ends=ends,
        )
        for positions, attention, ends in (
            ("rel_pos", "espnet", "native exact"),
            ("rope", "espnet", "native exact"),
            ("abs", "espnet", "bundled exact"),
        )
    ),
    Variant(
        name="conformer, rope without positions",
        w2v=conformer("rope", ""),
        broken="encoder.encoder.layers.0.self_attn.linear_k",
    ),
    Variant(
        name="conformer, abs with fairseq's attention, norm first",
        w2v={**conformer("abs", ""), "layer_norm_first": False},
        broken="encoder.encoder.layers.0.ffn1_layer_norm",
        ends="bundled exact",
    ),
    Variant(
        name="conformer, rel_pos, norm before the layers",
        w2v={**conformer("rel_pos", "espnet"), "layer_norm_first": False},
        broken="encoder.encoder.layers.1.self_attn.linear_pos",
        ends="bundled exact",
    ),
    Variant(
        name="swish, which fairseq itself cannot run",
        model={"activation_fn": "swish"},
        ends="refused: args.activation_fn",
    ),
    Variant(
        name="pos_conv_depth 2",
        broken="encoder.encoder.pos_conv_embed.layers.1",
        w2v={"pos_conv_depth": 2},
        ends="bundled exact",
    ),
    Variant(
        name="pos_conv_depth 5, even kernels",
        broken="encoder.encoder.pos_conv_embed.layers.3",
        w2v={"pos_conv_depth": 4, "conv_pos": 16},
        ends="bundled exact",
    ),
)
MORE_CLEAN = (
    Variant(name="another seed", seed=2),
    Variant(name="a third seed, untied", seed=3, model={"share_decoder_input_output_embed": False}),
    Variant(
        name="width 64",
        seed=4,
        w2v={"encoder_embed_dim": 64, "encoder_attention_heads": 4, "encoder_ffn_embed_dim": 128},
        model={"encoder_embed_dim": 64, "decoder_embed_dim": 64, "decoder_attention_heads": 4},
    ),
    Variant(name="float16 weights, another seed", seed=5, save=in_half(torch.float16)),
    Variant(
        name="bfloat16 weights, untied",
        seed=6,
        save=in_half(torch.bfloat16),
        model={"share_decoder_input_output_embed": False},
    ),
    Variant(name="three encoder layers", seed=7, w2v={"encoder_layers": 3}),
    Variant(
        name="three decoder layers, relu",
        seed=8,
        model={"decoder_layers": 3, "activation_fn": "relu"},
    ),
)
"""Further conversions on which `toolkit diff` must find nothing."""
