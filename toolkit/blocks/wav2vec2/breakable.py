"""What of a wav2vec 2.0 encoder can be broken."""

from __future__ import annotations

from toolkit.core.breakable import Attention, Breakable, Part, Side
from toolkit.core.slips import (
    activations,
    one_step_off,
    other,
    other_divisors,
    others,
    plus,
    slip,
    toggled,
    unseen,
)

# fmt: off
BREAKABLE = Breakable(
    parts=(
        Part(name="conv stack",              modules=r"feature_extractor\..+"),
        Part(name="projection",              modules=r"feature_projection\..+"),
        Part(name="positional convolution",  modules=r"encoder\.(pos_conv_embed\..+|embed_positions)"),
        Part(name="encoder attention",       modules=r"encoder\.layers\.\d+\.(attention|self_attn)(\..+)?"),
        Part(name="encoder feed-forward",    modules=r"encoder\.layers\.\d+\.(feed_f|ffn\d|conv_m)\w*\..+"),
        Part(name="encoder norms",           modules=r"encoder\.(layers\.\d+\.)?\w*layer_norm"),
        Part(name="adapters",                modules=r"encoder\.layers\.\d+\.adapter_layer\..+"),
        Part(name="mask embedding",          is_bare=True),
    ),
    sides=(
        Side(width="hidden_size", heads="num_attention_heads", groups="num_conv_pos_embedding_groups"),
    ),
    stacks=("layers", "conv_layers"),
    attentions=(Attention(modules=r"encoder\.layers\.\d+\.(attention|self_attn)"),),
    slips=(
        slip("hidden_act",                    "activation_changed",      activations,                   "wrong_activation"),
        slip("feat_extract_activation",       "activation_changed",      activations,                   "wrong_activation"),
        slip("num_attention_heads",           "head_count_changed",      other_divisors("hidden_size"), "wrong_head_count", absent=True),
        slip("do_stable_layer_norm",          "norm_order_changed",      toggled,                       "norm_order", absent=True),
        slip("feat_extract_norm",             "conv_norm_changed",       other("group", "layer"),       "norm_order", "wrong_value", absent=True),
        slip("conv_bias",                     "conv_bias_changed",       toggled,                       absent=True),
        slip("conv_pos_batch_norm",           "batch_norm_changed",      toggled),
        slip("conv_stride",                   "stride_changed",          one_step_off,                  "wrong_stride"),
        slip("layer_norm_eps",                "epsilon_changed",         others(1e-3, 1e-6, 1e-12),     "wrong_epsilon"),
        slip("num_hidden_layers",             "layer_count_changed",     plus(1, -1)),
        slip("conv_pos_kernel_size",          "positions_changed",       plus(2)),
        slip("num_conv_pos_embedding_groups", "pos_conv_groups_changed", other_divisors("hidden_size")),
        unseen("hidden_dropout",              "dropout_changed",         other(0.1, 0.0), absent=True),
        unseen("attention_dropout",           "dropout_changed",         other(0.1, 0.0)),
        unseen("activation_dropout",          "dropout_changed",         other(0.1, 0.0)),
        unseen("feat_proj_dropout",           "dropout_changed",         other(0.1, 0.0)),
        unseen("layerdrop",                   "layerdrop_changed",       other(0.1, 0.0)),
        unseen("apply_spec_augment",          "masking_changed",         toggled, absent=True),
        unseen("mask_time_prob",              "masking_changed",         other(0.05, 0.0)),
        unseen("mask_feature_prob",           "masking_changed",         other(0.05, 0.0)),
        unseen("mask_time_length",            "masking_changed",         plus(1)),
        unseen("mask_feature_length",         "masking_changed",         plus(1)),
    ),
)
# fmt: on
"""Names and keys are relative to the block's place."""
