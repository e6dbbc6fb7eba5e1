"""S2T-Transformers of every flag, each by what differs from the plainest one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from tests.variants.states import Save, as_cfg, in_half, of_units, rewrite_dict

MODEL: Mapping[str, Any] = {
    "arch": "s2t_transformer",
    "task": "speech_to_text",
    "conv_kernel_sizes": "5,5",
    "conv_channels": 24,
    "encoder_layers": 2,
    "encoder_embed_dim": 16,
    "encoder_ffn_embed_dim": 32,
    "encoder_attention_heads": 4,
    "decoder_layers": 2,
    "decoder_ffn_embed_dim": 48,
    "decoder_attention_heads": 2,
    "share_decoder_input_output_embed": True,
    "max_source_positions": 6000,
    "max_target_positions": 64,
    "max_len_b": 12,
    "beam": 5,
}
DATA: Mapping[str, Any] = {
    "input_channels": 1,
    "input_feat_per_channel": 80,
    "vocab_filename": "dict.txt",
    "bpe_tokenizer": {"bpe": "sentencepiece", "sentencepiece_model": "spm.model"},
    "prepend_tgt_lang_tag": True,
    "transforms": {"*": ["utterance_cmvn"], "_train": ["utterance_cmvn", "specaugment"]},
    "hub": {"tgt_lang": "en"},
}
"""The plainest `config.yaml`."""
GLOBAL = {"stats_npz_path": "/train/gcmvn.npz"}
"""As it stands where a checkpoint was trained."""
NATIVE = "native exact"


@dataclass(frozen=True, kw_only=True)
class S2TVariant:
    """One kind of checkpoint: what differs from the plainest one."""

    name: str
    model: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    """What `config.yaml` says otherwise; None leaves a key out."""
    save: Save | None = None
    companions: Callable[[Path], None] | None = None
    ends: str = NATIVE
    plain_model: Mapping[str, Any] = field(default_factory=lambda: MODEL)
    plain_data: Mapping[str, Any] = field(default_factory=lambda: DATA)


def _refused(name: str, reason: str, **model: Any) -> S2TVariant:
    return S2TVariant(name=name, model=model, ends=f"refused: {reason}")


S2T_VARIANTS = (
    S2TVariant(name="filter banks"),
    S2TVariant(name="gelu", model={"activation_fn": "gelu"}),
    S2TVariant(name="gelu_accurate", model={"activation_fn": "gelu_accurate"}),
    S2TVariant(name="tanh", model={"activation_fn": "tanh"}),
    S2TVariant(name="untied output", model={"share_decoder_input_output_embed": False}),
    S2TVariant(name="no_scale_embedding", model={"no_scale_embedding": True}),
    S2TVariant(name="one convolution", model={"conv_kernel_sizes": "5"}),
    S2TVariant(name="three convolutions", model={"conv_kernel_sizes": "5,3,3"}),
    S2TVariant(name="odd widths", model={"conv_channels": 20, "encoder_ffn_embed_dim": 24}),
    S2TVariant(name="max_target_positions 20", model={"max_target_positions": 20}),
    S2TVariant(name="clips beyond max_source_positions", model={"max_source_positions": 10}),
    S2TVariant(name="a CTC head beside", model={"ctc_weight": 0.3}),
    S2TVariant(name="max_len_a", model={"max_len_a": 0.05, "max_len_b": 4}),
    S2TVariant(name="cfg instead of args", save=as_cfg),
    S2TVariant(name="float16 weights", save=in_half(torch.float16)),
    S2TVariant(name="not normalized", data={"transforms": None}),
    S2TVariant(
        name="feature_transforms",
        data={"transforms": None, "feature_transforms": {"_eval": ["utterance_cmvn"]}},
    ),
    S2TVariant(name="means alone", data={"utterance_cmvn": {"norm_vars": False}}),
    S2TVariant(
        name="normalized by corpus",
        data={"transforms": {"*": ["global_cmvn"]}, "global_cmvn": GLOBAL},
    ),
    S2TVariant(
        name="by corpus, then by clip",
        data={"transforms": {"*": ["global_cmvn", "utterance_cmvn"]}, "global_cmvn": GLOBAL},
    ),
    S2TVariant(name="unit vocabulary, no language tags", companions=of_units),
    S2TVariant(
        name="pruned dict with the original spm",
        companions=rewrite_dict(lambda rows: rows[:60:2] + rows[60:]),
        ends="native exact, bundled tokenizer",
    ),
    _refused("post-norm encoder", "args.encoder_normalize_before", encoder_normalize_before=False),
    _refused("post-norm decoder", "args.decoder_normalize_before", decoder_normalize_before=False),
    _refused("layernorm_embedding", "decoder.layernorm_embedding", layernorm_embedding=True),
    _refused("learned positions", "decoder.embed_positions", decoder_learned_pos=True),
    _refused("no positions", "decoder.embed_positions", no_token_positional_embeddings=True),
    _refused("another decoder width", "decoder.layers.0.encoder_attn.k_proj", decoder_embed_dim=24),
    _refused("even kernel", "encoder.subsample.conv_layers.1.weight", conv_kernel_sizes="5,4"),
    _refused("swish", "args.activation_fn", activation_fn="swish"),
    S2TVariant(
        name="40 bins",
        data={"input_feat_per_channel": 40},
        ends="refused: encoder.subsample.conv_layers.0.weight",
    ),
)
