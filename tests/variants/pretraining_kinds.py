"""Pretrained wav2vec 2.0 encoders of every kind and era, by what differs from the plainest."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from tests.variants.ctc_kinds import (
    CONFORMER,
    CONFORMER_GROUP,
    CONVOLVED,
    EQUAL_WIDTHS,
    GENERATION,
    GROUP_NORM,
    INNER,
    LAYER_NORM,
    ROTARY,
    YOUNGER_INNER,
    Groups,
    Save,
    State,
)


@dataclass(frozen=True, kw_only=True)
class PretrainingVariant:
    """One kind of checkpoint: what differs from the plainest one of its kind."""

    name: str
    kind: Mapping[str, Any] = field(default_factory=lambda: LAYER_NORM)
    model: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the model."""
    usual: Mapping[str, Any] = field(default_factory=lambda: INNER)
    """Arguments of the plainest one."""
    encoder: str = "wav2vec2"
    """What fairseq calls the model."""
    dictionaries: tuple[int, ...] = (30,)
    """How many classes there are of each kind, for a model that is trained on classes."""
    normalize: bool | None = None
    """Whether the task standardizes the sound; by default, layer-norm models do."""
    save: Save | None = None
    """Makes what is saved; None saves as fairseq main does."""
    ends: str = "stock exact"
    """How a conversion ends."""

    @property
    def normalizes(self) -> bool:
        """What the task says."""
        return self.kind is LAYER_NORM if self.normalize is None else self.normalize


def as_hydra(groups: Groups, state: State) -> dict[str, Any]:
    """As fairseq main saves: `cfg` as plain mappings."""
    return {"args": None, "cfg": groups, "model": state}


def as_dict_config(groups: Groups, state: State) -> dict[str, Any]:
    """As the first releases with hydra saved: `cfg` as omegaconf made it."""
    from omegaconf import OmegaConf

    return {"args": None, "cfg": OmegaConf.create(groups), "model": state}


def as_namespace(groups: Groups, state: State) -> dict[str, Any]:
    """As 2020: everything in one Namespace, what came later not in it."""
    told = {**_older(groups["model"]), **groups["task"]}
    told.update(arch=groups["model"]["_name"], task=groups["task"]["_name"], no_save=False)
    told.update(latent_temp="(2,0.5,0.999995)")
    return {"args": Namespace(**told), "model": state}


def as_trained(groups: Groups, state: State) -> dict[str, Any]:
    """As a run leaves it: with the optimizer's state, which is larger than the model."""
    moments = {name: tensor.clone() for name, tensor in state.items()}
    return {
        **as_hydra(groups, state),
        "last_optimizer_state": {"state": moments, "param_groups": [{"lr": 5e-4}]},
        "optimizer_history": [{"num_updates": 400_000, "criterion_name": "Wav2vecCriterion"}],
        "extra_state": {"epoch": 1},
        "task_state": {},
    }


def as_first_hydra(groups: Groups, state: State) -> dict[str, Any]:
    """As the releases of 2021: keys that fairseq main no longer knows, and not those since then."""
    changed = deepcopy(groups)
    changed["model"] = {**_older(changed["model"]), "quantizer_ema": None}
    changed["task"].update(eval_wer=False, eval_wer_config=GENERATION, autoregressive=False)
    changed["bmuf"] = {"block_lr": 1, "block_momentum": 0.875, "use_nbm": False}
    return as_hydra(changed, state)


def without_arguments(groups: Groups, state: State) -> dict[str, Any]:  # noqa: ARG001
    """As xlsr_53_56k was released: weights alone."""
    return {"args": None, "cfg": None, "model": state}


def in_half(groups: Groups, state: State) -> dict[str, Any]:
    """As a run with `--fp16` saves."""
    return as_hydra(groups, {name: tensor.half() for name, tensor in state.items()})


PRETRAINING_VARIANTS = (
    PretrainingVariant(name="layer norm"),
    PretrainingVariant(name="group norm", kind=GROUP_NORM),
    PretrainingVariant(
        name="group norm, norms first", kind={**GROUP_NORM, "layer_norm_first": True}
    ),
    PretrainingVariant(name="layer norm, not normalized", normalize=False),
    PretrainingVariant(name="group norm, normalized", kind=GROUP_NORM, normalize=True),
    PretrainingVariant(name="equal widths", model=EQUAL_WIDTHS),
    PretrainingVariant(name="group norm, equal widths", kind=GROUP_NORM, model=EQUAL_WIDTHS),
    PretrainingVariant(name="odd positional kernel", model={"conv_pos": 15}),
    PretrainingVariant(name="relu", model={"activation_fn": "relu"}),
    PretrainingVariant(name="code vectors wider than projections", model={"latent_dim": 12}),
    PretrainingVariant(name="one group of codes", model={"latent_groups": 1, "latent_vars": 6}),
    PretrainingVariant(name="four groups of codes", model={"latent_groups": 4, "latent_vars": 3}),
    PretrainingVariant(name="projections as wide as the encoder", model={"final_dim": 0}),
    PretrainingVariant(name="another temperature", model={"logit_temp": 0.3}),
    PretrainingVariant(name="negatives from everywhere", model={"negatives_from_everywhere": True}),
    PretrainingVariant(name="negatives from the codes", model={"codebook_negatives": 3}),
    PretrainingVariant(name="channels masked", model={"mask_channel_prob": 0.5}),
    PretrainingVariant(name="nothing masked", model={"mask_prob": 0.0}),
    PretrainingVariant(name="DictConfig", save=as_dict_config),
    PretrainingVariant(name="Namespace", save=as_namespace),
    PretrainingVariant(name="group norm, Namespace", kind=GROUP_NORM, save=as_namespace),
    PretrainingVariant(name="old configuration", save=as_first_hydra),
    PretrainingVariant(name="no arguments", save=without_arguments),
    PretrainingVariant(name="with the optimizer's state", save=as_trained),
    PretrainingVariant(name="float16 weights", save=in_half),
    PretrainingVariant(name="conformer, relative positions", model=CONFORMER),
    PretrainingVariant(name="conformer, rotary positions", model=ROTARY),
    PretrainingVariant(name="conformer, group norm", kind=CONFORMER_GROUP, model=CONFORMER),
    PretrainingVariant(
        name="conformer, convolved positions",
        model=CONVOLVED,
        ends="bundled exact",
    ),
    PretrainingVariant(
        name="conformer, norm before the layers",
        model={**CONFORMER, "layer_norm_first": False},
        ends="bundled exact",
    ),
    PretrainingVariant(
        name="conformer, several positional convolutions",
        model={**CONVOLVED, "pos_conv_depth": 2},
        ends="refused: args.pos_conv_depth",
    ),
    PretrainingVariant(
        name="quantizer of two layers",
        model={"quantizer_depth": 2},
        ends="refused: args.quantizer_depth",
    ),
    PretrainingVariant(
        name="gated targets", model={"target_glu": True}, ends="refused: args.target_glu"
    ),
    PretrainingVariant(
        name="codes as input",
        model={"quantize_input": True},
        ends="refused: args.quantize_input",
    ),
    PretrainingVariant(
        name="codes as input, one quantizer",
        model={"quantize_input": True, "same_quantizer": True},
        ends="refused: args.quantize_input",
    ),
    PretrainingVariant(
        name="no codes",
        model={"quantize_targets": False},
        ends="refused: args.quantize_targets",
    ),
    PretrainingVariant(
        name="cropped frames",
        model={"crop_seq_to_multiple": 2},
        ends="refused: args.crop_seq_to_multiple",
    ),
)


def _older(group: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in group.items() if key not in YOUNGER_INNER}
