"""wav2vec 2.0 CTC models of both kinds and every era, by what differs from the plainest."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch

Groups = dict[str, dict[str, Any]]
"""The configuration of a run, each group a plain mapping."""
State = dict[str, torch.Tensor]
Save = Callable[[Groups, State], dict[str, Any]]

LETTERS = ("|", *"ETAONIHSRDLUMWCFGYPBVK", "'", *"XJQZ")
PHONES = ("|", "aː", "b", "d͡ʒ", "eɪ", "k", "k_h", "AH0", "SIL", "ŋ", "ɹ̩", "<sil>")
ODD = ("|", "#", "ß", "ё", "é", "e\u0301", "ﬁ", "¿", "的", "7", "madeupword0000", "<mask>")

INNER: dict[str, Any] = {
    "conv_feature_layers": "[(12, 10, 5)] + [(16, 3, 2)] * 4 + [(20, 2, 2)] * 2",
    "encoder_layers": 3,
    "encoder_embed_dim": 32,
    "encoder_ffn_embed_dim": 64,
    "encoder_attention_heads": 2,
    "conv_pos": 16,
    "conv_pos_groups": 4,
    "quantize_targets": True,
    "final_dim": 8,
    "latent_vars": 4,
}
GROUP_NORM = {"extractor_mode": "default", "layer_norm_first": False, "conv_bias": False}
"""As wav2vec 2.0 base: group norm in the extractor, norms behind each part of a layer."""
LAYER_NORM = {"extractor_mode": "layer_norm", "layer_norm_first": True, "conv_bias": True}
"""As XLS-R: layer norm in the extractor, norms before each part of a layer."""
CONFORMER = {
    "layer_type": "conformer",
    "depthwise_conv_kernel_size": 5,
    "attn_type": "espnet",
    "pos_enc_type": "rel_pos",
    "fp16": False,
}
"""Arguments of a conformer."""
OF_CONFORMER = {"layer_type": "conformer"}
"""What the fine-tuned model says of it."""
ROTARY = {**CONFORMER, "pos_enc_type": "rope"}
CONVOLVED = {**CONFORMER, "attn_type": "", "pos_enc_type": "abs"}
CONFORMER_GROUP = {**GROUP_NORM, "layer_norm_first": True}
ADAPTERS = {"layer_type": "trf_adp", "adp_num": 3, "adp_dim": 8, "adp_trf_idx": "1:3"}
"""Arguments of an encoder with adapters for three languages, in its layers 1 and 2."""
EQUAL_WIDTHS = {"conv_feature_layers": "[(32, 10, 5)] + [(32, 3, 2)] * 4 + [(32, 2, 2)] * 2"}

YOUNGER = (
    "freeze_regex",
    "mask_channel_before",
    "checkpoint_activations",
    "offload_activations",
    "min_params_to_wrap",
)
"""Arguments of the fine-tuned model that fairseq main reads and older files lack."""
YOUNGER_INNER = (
    "layer_type",
    "pos_conv_depth",
    "max_positions",
    "required_seq_len_multiple",
    "crop_seq_to_multiple",
    "checkpoint_activations",
    "mask_channel_before",
    "depthwise_conv_kernel_size",
    "attn_type",
    "pos_enc_type",
    "fp16",
    "adp_num",
    "adp_dim",
    "adp_act_fn",
    "adp_trf_idx",
)
"""Arguments of the pretrained model that came after 2020."""


@dataclass(frozen=True, kw_only=True)
class CtcVariant:
    """One kind of checkpoint: what differs from the plainest one of its kind."""

    name: str
    model: str = "wav2vec_ctc"
    """What fairseq calls the fine-tuned model."""
    encoder: str = "wav2vec2"
    """What it calls the pretrained one."""
    usual: Mapping[str, Any] = field(default_factory=lambda: INNER)
    """Arguments of the pretrained encoder that are everybody's."""
    kind: Mapping[str, Any] = field(default_factory=lambda: LAYER_NORM)
    inner: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the pretrained encoder."""
    outer: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the fine-tuned model."""
    symbols: Sequence[str] = LETTERS
    """Rows of the dictionary."""
    labels: str = "ltr"
    """What the task calls them, and the second part of the dictionary's name."""
    task: str = "audio_finetuning"
    normalize: bool | None = None
    """Whether the task standardizes the sound; by default, layer-norm models do."""
    save: Save | None = None
    """Makes what is saved; None saves as fairseq main does."""
    seed: int = 1
    ends: str = "stock exact"
    """How a conversion ends."""

    @property
    def normalizes(self) -> bool:
        """What task, model and pretrained task say."""
        return self.kind is LAYER_NORM if self.normalize is None else self.normalize


def as_hydra(groups: Groups, state: State) -> dict[str, Any]:
    """As fairseq main saves: `cfg` as plain mappings."""
    return {"args": None, "cfg": groups, "model": state}


def as_dict_config(groups: Groups, state: State) -> dict[str, Any]:
    """As the first releases with hydra saved: `cfg` as omegaconf made it."""
    from omegaconf import OmegaConf

    return {"args": None, "cfg": OmegaConf.create(groups), "model": state}


def as_namespace(groups: Groups, state: State) -> dict[str, Any]:
    """As 2020: everything in one Namespace, the pretrained model's in another one inside."""
    pretrained = groups["model"]["w2v_args"]
    inner = {**_older(pretrained["model"], YOUNGER_INNER), **pretrained["task"]}
    outer = {**groups["task"], **_older(groups["model"], YOUNGER)}
    inner.update(arch=pretrained["model"]["_name"], criterion="wav2vec")
    inner.update(task=pretrained["task"]["_name"])
    inner.update(latent_temp="(2,0.5,0.999995)")
    outer.update(arch=groups["model"]["_name"], criterion="ctc", no_save=False)
    outer.update(task="audio_pretraining")
    # The default of an option that all encoders share; nothing here is that wide.
    outer.update(encoder_embed_dim=512, w2v_args=Namespace(**inner))
    return {"args": Namespace(**outer), "model": state}


def as_first_hydra(groups: Groups, state: State) -> dict[str, Any]:
    """As the releases of 2021 converted from 2020: the inner configuration is whole and old.

    It has groups and keys that fairseq main no longer knows, and lacks those that came later.
    """
    changed = deepcopy(groups)
    model = _older(changed["model"], YOUNGER)
    inner = model["w2v_args"]
    inner["model"] = {**_older(inner["model"], YOUNGER_INNER), "quantizer_ema": None}
    inner["task"].update(eval_wer=False, eval_wer_config=GENERATION, autoregressive=False)
    inner["bmuf"] = {"block_lr": 1, "block_momentum": 0.875, "use_nbm": False}
    inner["checkpoint"] = {"save_dir": "/checkpoint/somebody", "restore_file": "x.pt"}
    return as_hydra({**changed, "model": {**model, "w2v_path": "???"}}, state)


def without_w2v_args(groups: Groups, state: State) -> dict[str, Any]:
    """As a run that was stopped and packed by hand: the pretrained arguments are gone."""
    return as_hydra({**groups, "model": {**groups["model"], "w2v_args": None}}, state)


def without_younger(groups: Groups, state: State) -> dict[str, Any]:
    """Without what fairseq main reads and files before 2022 lack."""
    return as_hydra({**groups, "model": _older(groups["model"], YOUNGER)}, state)


def without_layer_type(groups: Groups, state: State) -> dict[str, Any]:
    """As releases that read the kind of layers off the pretrained model alone."""
    return as_hydra({**groups, "model": _older(groups["model"], OF_CONFORMER)}, state)


def in_half(groups: Groups, state: State) -> dict[str, Any]:
    """As a run with `--fp16` saves."""
    return as_hydra(groups, {name: tensor.half() for name, tensor in state.items()})


def in_several_dtypes(groups: Groups, state: State) -> dict[str, Any]:
    """As a run whose norms stay float32."""
    kept = {name: t if "norm" in name else t.half() for name, t in state.items()}
    return as_hydra(groups, kept)


def in_double(groups: Groups, state: State) -> dict[str, Any]:
    """As weights that a script averaged."""
    return as_hydra(groups, {name: tensor.double() for name, tensor in state.items()})


def _factors(state: State) -> tuple[str, State, torch.Tensor, torch.Tensor]:
    rest = dict(state)
    (gain,) = (name for name in state if name.endswith(".weight_g"))
    stem = gain.removesuffix("_g")
    return stem, rest, rest.pop(gain), rest.pop(f"{stem}_v")


def without_weight_norm(groups: Groups, state: State) -> dict[str, Any]:
    """As somebody saves who took the weight norm off for inference."""
    stem, rest, gain, direction = _factors(state)
    return as_hydra(groups, {**rest, stem: torch._weight_norm(direction, gain, 2)})


def as_parametrized(groups: Groups, state: State) -> dict[str, Any]:
    """As a fork whose weight norm is torch's parametrization."""
    stem, rest, gain, direction = _factors(state)
    place = f"{stem.removesuffix('weight')}parametrizations.weight.original"
    return as_hydra(groups, {**rest, f"{place}0": gain, f"{place}1": direction})


def without_mask_embedding(groups: Groups, state: State) -> dict[str, Any]:
    """As somebody saves who keeps what inference reads."""
    return as_hydra(groups, {n: t for n, t in state.items() if not n.endswith("mask_emb")})


def at_telephone_rate(groups: Groups, state: State) -> dict[str, Any]:
    """As a run on telephone calls, 8000 samples a second."""
    return as_hydra({**groups, "task": {**groups["task"], "sample_rate": 8000}}, state)


NO_BLANK = "refused: args.blank_weight"
GENERATION = {"_name": None, "beam": 5, "nbest": 1, "print_alignment": None}

CTC_VARIANTS = (
    CtcVariant(name="layer norm"),
    CtcVariant(name="group norm", kind=GROUP_NORM),
    CtcVariant(name="layer norm, not normalized", normalize=False),
    CtcVariant(name="group norm, normalized", kind=GROUP_NORM, normalize=True),
    CtcVariant(name="group norm, norms first", kind={**GROUP_NORM, "layer_norm_first": True}),
    CtcVariant(name="layer norm, no conv bias", inner={"conv_bias": False}),
    CtcVariant(name="equal widths", inner=EQUAL_WIDTHS),
    CtcVariant(name="group norm, equal widths", kind=GROUP_NORM, inner=EQUAL_WIDTHS),
    CtcVariant(name="odd positional kernel", inner={"conv_pos": 15}),
    CtcVariant(name="positional kernel of 128", inner={"conv_pos": 128, "conv_pos_groups": 16}),
    CtcVariant(name="relu", inner={"activation_fn": "relu"}),
    CtcVariant(name="DictConfig", save=as_dict_config),
    CtcVariant(name="group norm, DictConfig", kind=GROUP_NORM, save=as_dict_config),
    CtcVariant(name="Namespace", save=as_namespace),
    CtcVariant(name="group norm, Namespace", kind=GROUP_NORM, save=as_namespace),
    CtcVariant(name="old inner configuration", save=as_first_hydra),
    CtcVariant(name="group norm, old inner configuration", kind=GROUP_NORM, save=as_first_hydra),
    CtcVariant(name="no w2v_args", save=without_w2v_args),
    CtcVariant(name="younger outer keys missing", save=without_younger),
    CtcVariant(
        name="outer dropouts and masks",
        inner={"dropout": 0.1, "attention_dropout": 0.1, "encoder_layerdrop": 0.05},
        outer={
            **{"dropout": 0.0, "attention_dropout": 0.2, "layerdrop": 0.1, "final_dropout": 0.3},
            **{"apply_mask": True, "mask_prob": 0.65, "mask_channel_prob": 0.25},
        },
    ),
    CtcVariant(name="phones of several letters", symbols=PHONES),
    CtcVariant(name="odd symbols", symbols=ODD),
    CtcVariant(name="blank weight added", outer={"blank_weight": 1.5}, ends=NO_BLANK),
    CtcVariant(
        name="blank weight set", outer={"blank_weight": 0.25, "blank_mode": "set"}, ends=NO_BLANK
    ),
    CtcVariant(name="float16 weights", save=in_half),
    CtcVariant(name="norms in float32, the rest in float16", save=in_several_dtypes),
    CtcVariant(name="float64 weights", save=in_double),
    CtcVariant(name="weight norm removed", save=without_weight_norm),
    CtcVariant(name="weight norm as torch parametrizes it", save=as_parametrized),
    CtcVariant(name="mask embedding lost", save=without_mask_embedding),
    CtcVariant(name="frames made a multiple of 7", inner={"required_seq_len_multiple": 7}),
    CtcVariant(
        name="8000 samples a second", save=at_telephone_rate, ends="refused: task.sample_rate"
    ),
    CtcVariant(
        name="cropped frames",
        inner={"crop_seq_to_multiple": 2},
        ends="refused: w2v_args.crop_seq_to_multiple",
    ),
    CtcVariant(
        name="adapters for languages",
        inner=ADAPTERS,
        outer=ADAPTERS,
    ),
    CtcVariant(
        name="adapters for languages, no w2v_args",
        inner=ADAPTERS,
        outer=ADAPTERS,
        save=without_w2v_args,
    ),
    CtcVariant(name="conformer, relative positions", inner=CONFORMER, outer=OF_CONFORMER),
    CtcVariant(name="conformer, rotary positions", inner=ROTARY, outer=OF_CONFORMER),
    CtcVariant(
        name="conformer, no outer layer_type",
        inner=CONFORMER,
        outer=OF_CONFORMER,
        save=without_layer_type,
    ),
    CtcVariant(
        name="conformer, no w2v_args", inner=CONFORMER, outer=OF_CONFORMER, save=without_w2v_args
    ),
    CtcVariant(
        name="conformer, group norm", kind=CONFORMER_GROUP, inner=CONFORMER, outer=OF_CONFORMER
    ),
    CtcVariant(
        name="conformer, convolved positions",
        inner=CONVOLVED,
        outer=OF_CONFORMER,
        ends="bundled exact",
    ),
    CtcVariant(
        name="conformer, norm before the layers",
        kind=GROUP_NORM,
        inner=CONFORMER,
        outer=OF_CONFORMER,
        ends="bundled exact",
    ),
    CtcVariant(
        name="conformer, convolved positions, norm before the layers",
        kind=GROUP_NORM,
        inner=CONVOLVED,
        outer=OF_CONFORMER,
        ends="bundled exact",
    ),
    CtcVariant(
        name="conformer, rotary positions, norm before the layers",
        kind=GROUP_NORM,
        inner=ROTARY,
        outer=OF_CONFORMER,
        ends="bundled exact",
    ),
)


def _older(group: Mapping[str, Any], younger: Iterable[str]) -> dict[str, Any]:
    left_out = set(younger)
    return {key: value for key, value in group.items() if key not in left_out}
