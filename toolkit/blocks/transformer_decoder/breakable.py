"""What of a transformer decoder can be broken."""

from __future__ import annotations

import re
from functools import cache, partial

from toolkit.blocks.transformer_decoder.classes import WHOLE, body, key
from toolkit.blocks.transformer_decoder.decoder import EMBEDDINGS
from toolkit.core.breakable import Attention, Breakable, Droppable, Output, Part, Side
from toolkit.core.slips import (
    activations,
    gained,
    halved,
    lost,
    other,
    other_divisors,
    plus,
    slip,
    toggled,
    unseen,
)

UNREAD = unseen("encoder_attention_heads", "unread_key_changed", plus(1))
"""Of classes that hold a decoder alone."""


@cache
def breakable(kind: str, *, whole: bool = False) -> Breakable:
    """What can be broken in a decoder of a class, with names and keys relative to the block's place.

    Args:
        kind: Model type of the class.
        whole: Whether it has an encoder beside the decoder, whose heads it reads.
    """
    inside, named = re.escape(body(kind)), partial(key, kind)
    # fmt: off
    return Breakable(
        parts=(
            Part(name="embeddings",              modules=inside + r"(embed_\w+|layernorm_embedding)"),
            Part(name="decoder self-attention",  modules=inside + r"layers\.\d+\.self_attn\..+"),
            Part(name="decoder cross-attention", modules=inside + r"layers\.\d+\.encoder_attn\..+"),
            Part(name="decoder feed-forward",    modules=inside + r"layers\.\d+\.fc\d"),
            Part(name="decoder norms",           modules=inside + r"(layers\.\d+\.)?\w*layer_norm"),
            Part(name="output layer",            modules=r"lm_head|output_projection"),
        ),
        sides=(Side(width="d_model", heads=named("decoder_attention_heads")),),
        stacks=("layers",),
        attentions=(
            Attention(modules=inside + r"layers\.\d+\.self_attn", crossed="encoder_attn"),
            Attention(modules=inside + r"layers\.\d+\.encoder_attn"),
        ),
        outputs=(
            Output(module="lm_head", embedding=body(kind) + EMBEDDINGS, tie="tie_word_embeddings"),
        ),
        droppable=(
            Droppable(name="embedding_norm", modules=inside + "layernorm_embedding"),
            Droppable(name="last_norm",      modules=inside + "layer_norm"),
            Droppable(name="positions",      modules=inside + "embed_positions", is_table=True),
        ),
        slips=(
            slip("activation_function",       "activation_changed",      activations,               "wrong_activation"),
            slip(named("decoder_attention_heads"), "head_count_changed",      other_divisors("d_model"), "wrong_head_count", absent=True),
            *(() if whole or kind == WHOLE else (UNREAD,)),
            slip(named("decoder_layers"),     "layer_count_changed",     plus(1, -1)),
            unseen("dropout",                 "dropout_changed",         other(0.1, 0.0)),
            unseen("attention_dropout",       "dropout_changed",         other(0.1, 0.0)),
            unseen("activation_dropout",      "dropout_changed",         other(0.1, 0.0)),
            unseen(named("decoder_layerdrop"), "layerdrop_changed",       other(0.1, 0.0)),
            slip("scale_embedding",           "embedding_scale_changed", lost,                      "missing_scale", absent=True),
            slip("scale_embedding",           "embedding_scale_changed", gained,                    "missing_scale", "wrong_value"),
            slip("tie_word_embeddings",       "tie_changed",             lost,                      "tie_broken"),
            slip("tie_word_embeddings",       "tie_changed",             gained,                    "tie_invented"),
            slip("vocab_size",                "vocabulary_size_changed", plus(1, -1),               "wrong_value", "wrong_vocabulary"),
            slip(named("max_position_embeddings"), "positions_changed",       halved),
            slip("add_cross_attention",       "cross_attention_changed", toggled),
            slip("use_cache",                 "cache_changed",           toggled),
            slip("pad_token_id",              "token_id_changed",        plus(2)),
            slip("bos_token_id",              "token_id_changed",        plus(2)),
            slip("eos_token_id",              "token_id_changed",        plus(2)),
            slip("forced_eos_token_id",       "token_id_changed",        plus(2)),
            slip("decoder_start_token_id",    "start_token_changed",     other(0, 2),               "wrong_start_token"),
        ),
    )
    # fmt: on
