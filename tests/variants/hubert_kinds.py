"""HuBERT CTC models of both kinds, by what differs from the plainest."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from tests.variants.ctc_kinds import (
    EQUAL_WIDTHS,
    GROUP_NORM,
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
OWN = ("quantize_targets", "latent_vars")
"""Arguments that HuBERT has not."""
HUBERT: dict[str, Any] = {
    **{key: value for key, value in INNER.items() if key not in OWN},
    "label_rate": 50.0,
}
BATCH_NORM = {"conv_pos_batch_norm": True}


def with_leftovers(groups: Groups, state: State) -> dict[str, Any]:
    """As a run that began with the dictionaries of its pretraining at hand."""
    generator = torch.Generator().manual_seed(3)
    left = {"label_embs_concat": (104, 8), "final_proj.weight": (8, 32), "final_proj.bias": (8,)}
    more = {ENCODER + name: torch.randn(shape, generator=generator) for name, shape in left.items()}
    return as_hydra(groups, {**state, **more})


def with_its_own_task(groups: Groups, state: State) -> dict[str, Any]:
    """As fine-tuned by the task of pretraining, with keys that no fairseq knows today."""
    task = {**groups["model"]["w2v_args"]["task"], "fine_tuning": True, "labels": ["ltr"]}
    inner = {**groups["model"]["w2v_args"]}
    inner["task"] = {**inner["task"], "max_length_of_2021": 3, "label_dir": "/nowhere"}
    inner["model"] = {**inner["model"], "label_rate": "${task.label_rate}"}
    outer = {**groups["model"], "w2v_args": inner, "w2v_path": "???"}
    return as_hydra({**groups, "task": task, "model": outer}, state)


_variant = partial(CtcVariant, model="hubert_ctc", encoder="hubert", usual=HUBERT)

HUBERT_VARIANTS = (
    _variant(name="HuBERT, layer norm"),
    _variant(name="HuBERT, group norm", kind=GROUP_NORM),
    _variant(name="HuBERT, group norm, normalized", kind=GROUP_NORM, normalize=True),
    _variant(name="HuBERT, layer norm, not normalized", normalize=False),
    _variant(name="HuBERT, batch norm", inner=BATCH_NORM),
    _variant(name="HuBERT, group norm, batch norm", kind=GROUP_NORM, inner=BATCH_NORM),
    _variant(name="HuBERT, equal widths", inner=EQUAL_WIDTHS),
    _variant(name="HuBERT, odd positional kernel", inner={"conv_pos": 15}),
    _variant(name="HuBERT, relu", inner={"activation_fn": "relu"}),
    _variant(name="HuBERT, DictConfig", save=as_dict_config),
    _variant(name="HuBERT, Namespace", kind=GROUP_NORM, save=as_namespace),
    _variant(name="HuBERT, no w2v_args", save=without_w2v_args),
    _variant(name="HuBERT, leftovers of pretraining", save=with_leftovers),
    _variant(name="HuBERT, fine-tuned by its own task", save=with_its_own_task),
    _variant(name="HuBERT, float16 weights", save=in_half),
    _variant(
        name="HuBERT, conformer layers",
        inner={"layer_type": "conformer", "attn_type": "", "depthwise_conv_kernel_size": 5},
        ends="refused: w2v_args.layer_type",
    ),
)
