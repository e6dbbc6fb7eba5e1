"""data2vec CTC models, and others with several positional convolutions."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from tests.variants.ctc_kinds import (
    EQUAL_WIDTHS,
    INNER,
    CtcVariant,
    Groups,
    State,
    as_dict_config,
    as_hydra,
    as_namespace,
    in_half,
    without_w2v_args,
)

ENCODER = "w2v_encoder.w2v_model."
OWN = ("quantize_targets", "final_dim", "latent_vars")
"""Arguments that data2vec has no use for."""
DATA2VEC: dict[str, Any] = {
    **{key: value for key, value in INNER.items() if key not in OWN},
    "conv_pos": 15,
    "pos_conv_depth": 5,
    # What a recipe takes from its optimization.
    "max_update": 100,
    "ema_anneal_end_step": 100,
}
POST_NORM = {"extractor_mode": "layer_norm", "layer_norm_first": False, "conv_bias": False}
"""As data2vec's recipes: layer norm in the extractor, norms behind each part of a layer."""


def with_leftovers(groups: Groups, state: State) -> dict[str, Any]:
    """As a run that kept the teacher and the projection of its pretraining."""
    generator = torch.Generator().manual_seed(3)
    teacher = {name: tensor.clone() for name, tensor in state.items() if ".layers.0." in name}
    left = {"final_proj.weight": (32, 32), "final_proj.bias": (32,)}
    more = {ENCODER + name: torch.randn(shape, generator=generator) for name, shape in left.items()}
    return as_hydra(groups, {**state, **more, ENCODER + "_ema": teacher})  # type: ignore[dict-item]


_variant = partial(
    CtcVariant, encoder="data2vec_audio", usual=DATA2VEC, kind=POST_NORM, normalize=True
)

DATA2VEC_VARIANTS = (
    _variant(name="data2vec"),
    _variant(name="data2vec, not normalized", normalize=False),
    _variant(name="data2vec, conv bias", inner={"conv_bias": True}),
    _variant(name="data2vec, cropped frames, which it keeps", inner={"crop_seq_to_multiple": 2}),
    _variant(name="data2vec, even positional kernels", inner={"conv_pos": 16, "pos_conv_depth": 4}),
    _variant(name="data2vec, one positional convolution", inner={"pos_conv_depth": 1}),
    _variant(name="data2vec, equal widths", inner=EQUAL_WIDTHS),
    _variant(name="data2vec, Namespace", save=as_namespace),
    _variant(name="data2vec, DictConfig", save=as_dict_config),
    _variant(name="data2vec, no w2v_args", save=without_w2v_args),
    _variant(name="data2vec, leftovers of pretraining", save=with_leftovers),
    _variant(name="data2vec, float16 weights", save=in_half),
    _variant(
        name="wav2vec 2.0, several positional convolutions",
        encoder="wav2vec2",
        usual={**INNER, "pos_conv_depth": 3, "conv_pos": 15},
    ),
    _variant(
        name="data2vec, norms first",
        inner={"layer_norm_first": True},
        ends="refused: w2v_args.pos_conv_depth",
    ),
    _variant(
        name="data2vec, group norm",
        inner={"extractor_mode": "default"},
        ends="refused: w2v_args.pos_conv_depth",
    ),
)
