"""wav2vec 2.0 models with a decoder of letters, by what differs from the plainest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.variants.ctc_kinds import (
    CONFORMER,
    CONVOLVED,
    EQUAL_WIDTHS,
    GROUP_NORM,
    ODD,
    OF_CONFORMER,
    PHONES,
    CtcVariant,
    Groups,
    State,
    as_dict_config,
    as_first_hydra,
    as_hydra,
    as_namespace,
    in_half,
    without_w2v_args,
    without_younger,
)

DECODER = {
    "decoder_embed_dim": 32,
    "decoder_ffn_embed_dim": 64,
    "decoder_layers": 2,
    "decoder_attention_heads": 4,
    "max_target_positions": 64,
}
"""Arguments of the plainest decoder: norms behind each part of a layer, computed positions."""
LEARNED = {"decoder_learned_pos": True}
BEFORE = {"decoder_normalize_before": True}
TIED = {"share_decoder_input_output_embed": True}
NO_POSITIONS = {"no_token_positional_embeddings": True}
END = 2
"""`</s>` in every dictionary of fairseq."""
NATIVE, BUNDLED = "native exact", "bundled exact"


def _kind(
    name: str, decoder: Mapping[str, Any] | None = None, ends: str = NATIVE, **options: Any
) -> CtcVariant:
    outer = {**DECODER, **(decoder or {}), **options.pop("outer", {})}
    return CtcVariant(
        name=f"letters, {name}", model="wav2vec_seq2seq", outer=outer, ends=ends, **options
    )


def ending(groups: Groups, state: State) -> dict[str, Any]:
    """As a model that ends its sentences: a random one hardly ever finds the end likeliest."""
    output = state["decoder.embed_out"].clone()
    output[END] *= 2.0
    return as_hydra(groups, {**state, "decoder.embed_out": output})


SEQ2SEQ_VARIANTS = (
    _kind("norms behind"),
    # With this seed it says several letters, and not everywhere the same.
    _kind("searches that end", seed=6, save=ending),
    _kind("group norm", kind=GROUP_NORM),
    _kind("learned positions", LEARNED),
    _kind("learned positions, tied output", {**LEARNED, **TIED}),
    _kind("tied output", TIED),
    _kind("no positions", NO_POSITIONS),
    _kind("wider decoder", {"decoder_embed_dim": 48}),
    _kind("narrower decoder, tied output", {"decoder_embed_dim": 16, **TIED}),
    _kind("equal widths", inner=EQUAL_WIDTHS),
    _kind("LayerDrop", {"decoder_layerdrop": 0.2, "decoder_dropout": 0.1}),
    _kind("not normalized", normalize=False),
    _kind("Namespace", save=as_namespace),
    _kind("DictConfig", save=as_dict_config),
    _kind("old inner configuration", save=as_first_hydra),
    _kind("younger outer keys missing", save=without_younger),
    _kind("no w2v_args", save=without_w2v_args),
    _kind("odd symbols", symbols=ODD),
    _kind("phones of several letters", symbols=PHONES),
    _kind("learned positions, float16 weights", LEARNED, save=in_half),
    _kind("conformer, relative positions", outer=OF_CONFORMER, inner=CONFORMER),
    _kind("float16 weights", ends=BUNDLED, save=in_half),
    _kind("norms before", BEFORE),
    _kind("norms before, tied output, float16 weights", {**BEFORE, **TIED}, save=in_half),
    _kind("norms before, learned positions, tied output", {**BEFORE, **LEARNED, **TIED}, BUNDLED),
    _kind("norms before, no positions", {**BEFORE, **NO_POSITIONS}, BUNDLED),
    _kind("norms before, wider decoder", {**BEFORE, "decoder_embed_dim": 48}),
    _kind("conformer, convolved positions", None, BUNDLED, outer=OF_CONFORMER, inner=CONVOLVED),
)
