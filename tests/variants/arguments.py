"""Arguments of the plainest XMTransformer, and of a conformer in its place."""

from __future__ import annotations

from typing import Any

W2V: dict[str, Any] = {
    "arch": "wav2vec2",
    "task": "audio_pretraining",
    "data": ".",
    "normalize": True,
    "extractor_mode": "layer_norm",
    "conv_feature_layers": "[(16, 10, 5)] + [(16, 3, 2)] * 4 + [(16, 2, 2)] * 2",
    "conv_bias": True,
    "layer_norm_first": True,
    "encoder_layers": 2,
    "encoder_embed_dim": 32,
    "encoder_ffn_embed_dim": 64,
    "encoder_attention_heads": 2,
    "activation_fn": "gelu",
    "conv_pos": 16,
    "conv_pos_groups": 4,
    "final_dim": 8,
    "latent_vars": 4,
    "latent_groups": 2,
    "quantize_targets": True,
}
MODEL: dict[str, Any] = {
    "arch": "xm_transformer",
    "task": "speech_to_text",
    "normalize": True,
    "encoder_embed_dim": 32,
    "adaptor_n_layers": 3,
    "adaptor_kernel_size": 3,
    "adaptor_stride": 2,
    "decoder_layers": 2,
    "decoder_embed_dim": 32,
    "decoder_ffn_embed_dim": 64,
    "decoder_attention_heads": 2,
    "decoder_normalize_before": True,
    "decoder_learned_pos": True,
    "layernorm_embedding": True,
    "share_decoder_input_output_embed": True,
    "activation_fn": "gelu",
    "max_source_positions": 480_000,
    "max_target_positions": 64,
    "max_len_b": 12,
    "beam": 5,
}


def conformer(positions: str, attention: str) -> dict[str, Any]:
    """Arguments of a conformer encoder."""
    return {
        "layer_type": "conformer",
        "pos_enc_type": positions,
        "attn_type": attention,
        "depthwise_conv_kernel_size": 7,
        "max_positions": 600,
        "fp16": False,
    }
