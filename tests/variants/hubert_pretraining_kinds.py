"""Pretrained HuBERT encoders of every kind and era, by what differs from the plainest."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from tests.variants.ctc_kinds import EQUAL_WIDTHS, GROUP_NORM, Groups, State
from tests.variants.hubert_kinds import BATCH_NORM, HUBERT
from tests.variants.pretraining_kinds import (
    PretrainingVariant,
    as_dict_config,
    as_hydra,
    as_namespace,
    as_trained,
    in_half,
    without_arguments,
)


def as_contentvec(groups: Groups, state: State) -> dict[str, Any]:
    """As the fork of ContentVec calls a HuBERT, whose arguments of speakers fairseq knows not."""
    model = {**groups["model"], "_name": "contentvec", "spk_embed_dim": 256}
    return as_hydra({**groups, "model": model}, state)


def as_contentvec_trained(groups: Groups, state: State) -> dict[str, Any]:
    """As ContentVec's training leaves it: a fourth layer and a last norm are told who speaks."""
    first, spoken = "encoder.layers.0.", "encoder.layers.3."
    more = {n.replace(first, spoken): t for n, t in state.items() if n.startswith(first)}
    norms = (
        "encoder.cond_layer_norm",
        f"{spoken}self_attn_layer_norm",
        f"{spoken}final_layer_norm",
    )
    told = {n: t for n, t in more.items() if not n.startswith(norms)}
    told |= {
        f"{norm}.{part}_ln.weight": torch.ones(32, 4)
        for norm in norms
        for part in ("weight", "bias")
    }
    told |= {"layer_proj.weight": torch.ones(8, 32), "layer_proj.bias": torch.ones(8)}
    model = {**groups["model"], "_name": "contentvec", "encoder_layers_1": 1}
    return as_hydra({**groups, "model": model}, {**state, **told})


def with_masked_norm(groups: Groups, state: State) -> dict[str, Any]:
    """As ContentVec's other extractor normalizes: over the frames that belong to a clip."""
    model = {**groups["model"], "_name": "contentvec", "extractor_mode": "group_norm_masked"}
    return as_hydra({**groups, "model": model}, state)


_variant = partial(PretrainingVariant, encoder="hubert", usual=HUBERT, ends="bundled exact")

HUBERT_PRETRAINING_VARIANTS = (
    _variant(name="HuBERT, layer norm"),
    _variant(name="HuBERT, group norm", kind=GROUP_NORM),
    _variant(name="HuBERT, group norm, normalized", kind=GROUP_NORM, normalize=True),
    _variant(name="HuBERT, layer norm, not normalized", normalize=False),
    _variant(name="HuBERT, batch norm", model=BATCH_NORM),
    _variant(name="HuBERT, group norm, batch norm", kind=GROUP_NORM, model=BATCH_NORM),
    _variant(name="HuBERT, equal widths", kind=GROUP_NORM, model=EQUAL_WIDTHS),
    _variant(name="HuBERT, odd positional kernel", model={"conv_pos": 15}),
    _variant(name="HuBERT, relu", model={"activation_fn": "relu"}),
    _variant(name="HuBERT, projection as wide as the encoder", model={"final_dim": 0}),
    _variant(
        name="HuBERT, two sets of classes",
        model={"untie_final_proj": True},
        dictionaries=(30, 50),
    ),
    _variant(name="HuBERT, gated classes", model={"target_glu": True}),
    _variant(name="HuBERT, nothing masked", model={"mask_prob": 0.0}),
    _variant(name="HuBERT, DictConfig", save=as_dict_config),
    _variant(name="HuBERT, Namespace", kind=GROUP_NORM, save=as_namespace),
    _variant(name="HuBERT, no arguments", save=without_arguments),
    _variant(name="HuBERT, with the optimizer's state", save=as_trained),
    _variant(name="HuBERT, float16 weights", save=in_half),
    _variant(name="ContentVec, by its own name", kind=GROUP_NORM, save=as_contentvec),
    _variant(
        name="ContentVec, a group norm of its own",
        kind=GROUP_NORM,
        save=with_masked_norm,
        ends="refused: args.extractor_mode",
    ),
    _variant(
        name="HuBERT, conformer layers",
        model={"layer_type": "conformer", "attn_type": "", "depthwise_conv_kernel_size": 5},
        ends="refused: args.layer_type",
    ),
)
