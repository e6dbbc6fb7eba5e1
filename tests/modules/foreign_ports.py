"""Pairs whose source comes from packages that `make test-foreign` installs; see `ports`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from tests.modules.ports import QKV, Port, carried, same
from toolkit.mapping import Drop, Row, Rule


def make_whisper() -> Port:
    """OpenAI's Whisper, as that of transformers."""
    from transformers import WhisperConfig, WhisperForConditionalGeneration
    from whisper.model import ModelDimensions, Whisper

    sizes = ModelDimensions(
        n_mels=8,
        n_audio_ctx=11,
        n_audio_state=16,
        n_audio_head=4,
        n_audio_layer=2,
        n_vocab=30,
        n_text_ctx=9,
        n_text_state=16,
        n_text_head=4,
        n_text_layer=2,
    )
    config = WhisperConfig(
        vocab_size=30,
        num_mel_bins=8,
        d_model=16,
        encoder_layers=2,
        encoder_attention_heads=4,
        decoder_layers=2,
        decoder_attention_heads=4,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_source_positions=11,
        max_target_positions=9,
        attn_implementation="eager",
        **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"), 1),
        decoder_start_token_id=2,
    )
    generator = torch.Generator().manual_seed(1)
    mel = torch.randn(3, 8, 22, generator=generator)
    tokens = torch.randint(0, 30, (3, 7), generator=generator)
    return carried(
        Whisper(sizes),
        WhisperForConditionalGeneration(config),
        _whisper_rules(),
        inputs=(mel, tokens),
        target_inputs={"input_features": mel, "decoder_input_ids": tokens},
    )


def _whisper_rules() -> tuple[Row, ...]:
    return (
        same("encoder.{conv1|conv2}", "model.encoder.{conv1|conv2}"),
        Rule("encoder.positional_embedding", "model.encoder.embed_positions.weight"),
        same("encoder.ln_post", "model.encoder.layer_norm"),
        Rule("decoder.token_embedding.weight", "model.decoder.embed_tokens.weight"),
        Rule("decoder.positional_embedding", "model.decoder.embed_positions.weight"),
        same("decoder.ln", "model.decoder.layer_norm"),
        *_block_rules("encoder.", {"attn": "self_attn"}),
        *_block_rules("decoder.", {"attn": "self_attn", "cross_attn": "encoder_attn"}),
    )


def _block_rules(stack: str, attentions: Mapping[str, str]) -> tuple[Row, ...]:
    inside, outside = f"{stack}blocks.{{i}}.", f"model.{stack}layers.{{i}}."
    rows = [
        same(f"{inside}mlp.0", f"{outside}fc1"),
        same(f"{inside}mlp.2", f"{outside}fc2"),
        same(f"{inside}mlp_ln", f"{outside}final_layer_norm"),
    ]
    for theirs, ours in attentions.items():
        rows += [
            same(f"{inside}{theirs}.query", f"{outside}{ours}.q_proj"),
            Rule(f"{inside}{theirs}.key.weight", f"{outside}{ours}.k_proj.weight"),
            same(f"{inside}{theirs}.value", f"{outside}{ours}.v_proj"),
            same(f"{inside}{theirs}.out", f"{outside}{ours}.out_proj"),
            same(f"{inside}{theirs}_ln", f"{outside}{ours}_layer_norm"),
        ]
    return tuple(rows)


def make_esm() -> Port:
    """Meta's ESM-2, as that of transformers."""
    from esm.model.esm2 import ESM2
    from transformers import EsmConfig, EsmForMaskedLM

    config = EsmConfig(
        vocab_size=33,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=20,
        position_embedding_type="rotary",
        layer_norm_eps=1e-5,
        token_dropout=True,
        mask_token_id=32,
        pad_token_id=1,
        attn_implementation="eager",
    )
    tokens = torch.randint(4, 24, (3, 9), generator=torch.Generator().manual_seed(1))
    tokens[:, 0], tokens[:, -1], tokens[1, 4] = 0, 2, 32
    return carried(
        ESM2(num_layers=2, embed_dim=16, attention_heads=4),
        EsmForMaskedLM(config),
        _esm_rules(),
        inputs=(tokens,),
        target_inputs={"input_ids": tokens, "attention_mask": torch.ones_like(tokens)},
    )


def _esm_rules() -> tuple[Row, ...]:
    inside, outside = "layers.{i}.", "esm.encoder.layer.{i}."
    return (
        Rule("embed_tokens.weight", "esm.embeddings.word_embeddings.weight"),
        *(same(f"{inside}self_attn.{n[0]}_proj", f"{outside}attention.self.{n}") for n in QKV),
        Rule("layers.0.self_attn.rot_emb.inv_freq", "esm.rotary_embeddings.inv_freq"),
        Drop("layers.1.self_attn.rot_emb.inv_freq", "all layers have the same frequencies"),
        same(f"{inside}self_attn.out_proj", f"{outside}attention.output.dense"),
        same(f"{inside}self_attn_layer_norm", f"{outside}attention.LayerNorm"),
        same(f"{inside}fc1", f"{outside}intermediate.dense"),
        same(f"{inside}fc2", f"{outside}output.dense"),
        same(f"{inside}final_layer_norm", f"{outside}LayerNorm"),
        same("emb_layer_norm_after", "esm.encoder.emb_layer_norm_after"),
        same("contact_head.regression", "esm.contact_head.regression"),
        same("lm_head.{dense|layer_norm}", "lm_head.{dense|layer_norm}"),
        Rule("lm_head.bias", "lm_head.bias"),
    )


FOREIGN: Mapping[str, Callable[[], Port]] = {
    "OpenAI's Whisper": make_whisper,
    "Meta's ESM-2": make_esm,
}
