"""S2T-Transformers of every flag, each by what differs from the plainest one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from tests.variants.states import (
    Save,
    as_cfg,
    in_half,
    of_small_pieces,
    of_units,
    rewrite_dict,
    said,
)

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
NATIVE, BUNDLED = "native exact", "bundled exact"


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


def _bundled(name: str, **model: Any) -> S2TVariant:
    return S2TVariant(name=name, model=model, ends=BUNDLED)


UNTIED = {"share_decoder_input_output_embed": False}
POST_NORM = {"encoder_normalize_before": False, "decoder_normalize_before": False}
PLAIN_EMBEDDINGS = {"activation_fn": "gelu", "no_scale_embedding": True}
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
    _bundled("post-norm encoder", encoder_normalize_before=False),
    _bundled("post-norm decoder", decoder_normalize_before=False),
    _bundled("post-norm encoder and decoder", **POST_NORM),
    _bundled("post-norm, gelu, no_scale_embedding", **POST_NORM, **PLAIN_EMBEDDINGS),
    _bundled("layernorm_embedding", layernorm_embedding=True),
    _bundled("layernorm_embedding, untied", layernorm_embedding=True, **UNTIED),
    _bundled("learned positions", decoder_learned_pos=True),
    _bundled("learned positions, post-norm decoder", decoder_learned_pos=True, **POST_NORM),
    _bundled("no positions", no_token_positional_embeddings=True),
    _bundled("wider decoder", decoder_embed_dim=24),
    _bundled("narrower decoder, post-norm", decoder_embed_dim=12, **POST_NORM),
    _refused("even kernel", "encoder.subsample.conv_layers.1.weight", conv_kernel_sizes="5,4"),
    _refused("swish", "args.activation_fn", activation_fn="swish"),
    S2TVariant(
        name="40 bins",
        data={"input_feat_per_channel": 40},
        ends="refused: encoder.subsample.conv_layers.0.weight",
    ),
)

CONFORMER: Mapping[str, Any] = {
    **{"arch": "s2t_conformer", "fp16": False, "input_feat_per_channel": 80, "input_channels": 1},
    **{"attn_type": None, "pos_enc_type": "abs", "depthwise_conv_kernel_size": 31},
}
"""The plainest conformer, beside `MODEL`."""
ESPNET = {"attn_type": "espnet"}
RELATIVE = {"pos_enc_type": "rel_pos", "depthwise_conv_kernel_size": 15}
ROTARY = {"pos_enc_type": "rope"}
LATE = {"decoder_normalize_before": False}
LEARNED = {"decoder_learned_pos": True}
EVEN = {"conv_kernel_sizes": "5,4"}


def _conformer(name: str, ends: str = BUNDLED, **model: Any) -> S2TVariant:
    return S2TVariant(name=name, model={**CONFORMER, **model}, ends=ends)


CONFORMER_VARIANTS = (
    _conformer("fairseq's attention, abs"),
    _conformer("ESPnet's attention, abs", **ESPNET),
    replace(
        _conformer("ESPnet's attention, rel_pos", **ESPNET, pos_enc_type="rel_pos"),
        companions=of_small_pieces,
    ),
    _conformer("ESPnet's attention, rope", **ESPNET, pos_enc_type="rope"),
    _conformer("fairseq's attention, rope, which is no positions", pos_enc_type="rope"),
    _conformer("depthwise kernel 7", depthwise_conv_kernel_size=7),
    _conformer("rel_pos, depthwise kernel 15, gelu", **ESPNET, **RELATIVE, activation_fn="gelu"),
    _conformer("one convolution", conv_kernel_sizes="3"),
    _conformer("no_scale_embedding, untied", no_scale_embedding=True, **UNTIED),
    _conformer("wider decoder", decoder_embed_dim=24),
    _conformer("rel_pos, post-norm decoder", **ESPNET, **RELATIVE, **LATE),
    _conformer("rope, learned positions in the decoder", **ESPNET, **ROTARY, **LEARNED),
    _conformer("layernorm_embedding", layernorm_embedding=True),
    _conformer("clips beyond max_source_positions", max_source_positions=10),
    _conformer("rel_pos, clips beyond", **ESPNET, pos_enc_type="rel_pos", max_source_positions=10),
    replace(_conformer("cfg instead of args"), save=as_cfg),
    replace(_conformer("float16 weights", **ESPNET, **ROTARY), save=in_half(torch.float16)),
    replace(
        _conformer("normalized by corpus"),
        data={"transforms": {"*": ["global_cmvn"]}, "global_cmvn": GLOBAL},
    ),
    _conformer("even kernel", "refused: encoder.subsample.conv_layers.1.weight", **EVEN),
    _conformer("swish in the decoder", "refused: args.activation_fn", activation_fn="swish"),
    replace(
        _conformer("rel_pos without ESPnet's attention", "refused: args.pos_enc_type"),
        save=said(pos_enc_type="rel_pos"),
    ),
)
"""Conformers; fairseq itself cannot run the last one."""
