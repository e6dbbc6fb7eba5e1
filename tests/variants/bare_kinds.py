"""Encoders without the heads of their pretraining, by what differs from the plainest."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from tests.variants.ctc_kinds import (
    CONFORMER,
    CONFORMER_GROUP,
    CONVOLVED,
    EQUAL_WIDTHS,
    GROUP_NORM,
    ROTARY,
    Groups,
    Save,
    State,
)
from tests.variants.data2vec_kinds import DATA2VEC, POST_NORM
from tests.variants.hubert_kinds import BATCH_NORM, HUBERT
from tests.variants.hubert_pretraining_kinds import as_contentvec
from tests.variants.pretraining_kinds import (
    PretrainingVariant,
    as_dict_config,
    as_first_hydra,
    as_hydra,
    as_namespace,
    in_half,
    without_arguments,
)

HEADS = ("quantizer.", "project_q.", "final_proj.", "label_embs_concat")
"""What the names of heads begin with."""
PLACE = "w2v_encoder.w2v_model."
"""Where a fine-tuned model has its encoder."""


def without_heads(save: Save = as_hydra, heads: tuple[str, ...] = HEADS) -> Save:
    """As somebody saves who took heads off."""

    def strip(groups: Groups, state: State) -> dict[str, Any]:
        return save(groups, {k: v for k, v in state.items() if not k.startswith(heads)})

    return strip


def _fine_tuned(name: str, groups: Groups) -> Groups:
    normalize = groups["task"]["normalize"]
    task = {"_name": "audio_finetuning", "data": "/nowhere", "labels": "ltr"}
    model = {"_name": name, "w2v_path": "/nowhere.pt", "apply_mask": True, "mask_prob": 0.3}
    return {
        "task": {**task, "normalize": normalize},
        "model": {**model, "normalize": normalize, "w2v_args": groups},
    }


def exported(name: str, place: str = "", *, lost: bool = False) -> Save:
    """As the encoder of a fine-tuned model is saved, with the arguments of that model.

    Args:
        name: What fairseq calls the fine-tuned model.
        place: What the names begin with.
        lost: Whether it lost the arguments of its pretraining.
    """

    def save(groups: Groups, state: State) -> dict[str, Any]:
        around = _fine_tuned(name, groups)
        if lost:
            around["model"]["w2v_args"] = None
        return as_hydra(around, {place + k: v for k, v in state.items()})

    return without_heads(save)


def exported_in_2020(groups: Groups, state: State) -> dict[str, Any]:
    """The same, all arguments in one Namespace with another one inside."""
    around = _fine_tuned("wav2vec_ctc", groups)
    told = {**around["task"], **around["model"], "arch": "wav2vec_ctc"}
    inner = as_namespace(groups, state)["args"]
    return {"args": Namespace(**{**told, "w2v_args": inner}), "model": state}


def as_pretrained(save: Save = as_hydra) -> Save:
    """As a run of data2vec leaves it: with its teacher."""

    def with_teacher(groups: Groups, state: State) -> dict[str, Any]:
        teacher = {k: v.clone() for k, v in state.items() if k.startswith("encoder.layers.")}
        return save(groups, {**state, "_ema": teacher})  # type: ignore[dict-item]

    return with_teacher


def renamed_projection(groups: Groups, state: State) -> dict[str, Any]:
    """As published files of data2vec call the projection."""
    named = {k.replace("final_proj.", "final_proj.0."): v for k, v in state.items()}
    return as_pretrained()(groups, named)


_bare: Callable[..., PretrainingVariant] = partial(PretrainingVariant, save=without_heads())

BARE_VARIANTS = (
    _bare(name="encoder, layer norm"),
    _bare(name="encoder, group norm", kind=GROUP_NORM),
    _bare(name="encoder, layer norm, not normalized", normalize=False),
    _bare(name="encoder, equal widths", model=EQUAL_WIDTHS),
    _bare(name="encoder, odd positional kernel", model={"conv_pos": 15}),
    _bare(name="encoder, relu", model={"activation_fn": "relu"}),
    _bare(name="encoder, nothing masked", model={"mask_prob": 0.0}),
    _bare(
        name="encoder, several positional convolutions",
        kind=POST_NORM,
        model={"pos_conv_depth": 3, "conv_pos": 15},
    ),
    _bare(name="encoder, DictConfig", save=without_heads(as_dict_config)),
    _bare(name="encoder, Namespace", save=without_heads(as_namespace)),
    _bare(name="encoder, old configuration", save=without_heads(as_first_hydra)),
    _bare(name="encoder, no arguments", save=without_heads(without_arguments)),
    _bare(name="encoder, float16 weights", save=without_heads(in_half)),
    _bare(
        name="encoder, the quantizer left",
        save=without_heads(heads=("project_q.", "final_proj.")),
    ),
    _bare(
        name="encoder, one projection left", save=without_heads(heads=("quantizer.", "project_q."))
    ),
    _bare(name="encoder, deep quantizer taken off", model={"quantizer_depth": 2}),
    _bare(name="encoder, of a CTC model", save=exported("wav2vec_ctc")),
    _bare(name="encoder, CTC model without its head", save=exported("wav2vec_ctc", PLACE)),
    _bare(
        name="encoder, CTC model without its head, Namespace",
        kind=GROUP_NORM,
        save=without_heads(exported_in_2020),
    ),
    _bare(
        name="encoder, CTC model without its head, no w2v_args",
        save=exported("wav2vec_ctc", PLACE, lost=True),
    ),
    _bare(name="encoder, conformer, relative positions", model=CONFORMER),
    _bare(name="encoder, conformer, rotary positions", model=ROTARY),
    _bare(name="encoder, conformer, group norm", kind=CONFORMER_GROUP, model=CONFORMER),
    _bare(
        name="encoder, conformer, convolved positions",
        model=CONVOLVED,
        ends="bundled exact",
    ),
    _bare(
        name="encoder, conformer, norm before the layers",
        model={**CONFORMER, "layer_norm_first": False},
        ends="bundled exact",
    ),
    _bare(
        name="encoder, codes as input",
        model={"quantize_input": True},
        ends="refused: args.quantize_input",
    ),
    _bare(
        name="encoder, cropped frames",
        model={"crop_seq_to_multiple": 2},
        ends="refused: args.crop_seq_to_multiple",
    ),
)

_hubert: Callable[..., PretrainingVariant] = partial(
    PretrainingVariant, encoder="hubert", usual=HUBERT, save=without_heads()
)

BARE_HUBERT_VARIANTS = (
    _hubert(name="HuBERT's encoder, group norm", kind=GROUP_NORM),
    _hubert(name="HuBERT's encoder, layer norm"),
    _hubert(name="HuBERT's encoder, batch norm", model=BATCH_NORM),
    _hubert(name="HuBERT's encoder, equal widths", kind=GROUP_NORM, model=EQUAL_WIDTHS),
    _hubert(name="HuBERT's encoder, Namespace", kind=GROUP_NORM, save=without_heads(as_namespace)),
    _hubert(
        name="HuBERT's encoder, no arguments but its classes",
        save=without_heads(without_arguments, heads=("final_proj.",)),
    ),
    _hubert(
        name="HuBERT's encoder, no arguments, batch norm",
        model=BATCH_NORM,
        save=without_heads(without_arguments),
    ),
    _hubert(name="HuBERT's encoder, gated classes left", model={"target_glu": True}),
    _hubert(name="HuBERT's encoder, of a CTC model", save=exported("hubert_ctc")),
    _hubert(
        name="HuBERT's encoder, CTC model without its head", save=exported("hubert_ctc", PLACE)
    ),
    _hubert(
        name="HuBERT's encoder, CTC model without its head, no w2v_args",
        save=exported("hubert_ctc", PLACE, lost=True),
    ),
    _hubert(name="ContentVec's encoder", kind=GROUP_NORM, save=without_heads(as_contentvec)),
    _hubert(name="HuBERT's encoder, float16 weights", save=without_heads(in_half)),
    _hubert(
        name="HuBERT's encoder, conformer layers",
        model={"layer_type": "conformer", "attn_type": "", "depthwise_conv_kernel_size": 5},
        ends="refused: args.layer_type",
    ),
)


def as_unispeech(save: Save = as_hydra) -> Save:
    """As the fork of UniSpeech saves, with the letters of its pretraining."""

    def rename(groups: Groups, state: State) -> dict[str, Any]:
        model = {**groups["model"], "_name": "unispeech", "replace_prob": 0.5}
        letters = {
            "w2v_encoder.proj.weight": torch.randn(9, 32),
            "w2v_encoder.proj.bias": torch.randn(9),
        }
        placed = {PLACE + name: tensor for name, tensor in state.items()}
        # Its codes become as wide as features, and not the other way round.
        projection = {PLACE + "final_proj.weight": (32, 8), PLACE + "final_proj.bias": (32,)}
        widened = {name: torch.randn(shape) for name, shape in projection.items() if name in placed}
        return save({**groups, "model": model}, {**placed, **widened, **letters})

    return rename


def as_unispeech_sat(save: Save = as_hydra, *, quantizes: bool = True, **arguments: object) -> Save:
    """As the fork of UniSpeech-SAT saves, with what tells speakers and classes apart."""

    def rename(groups: Groups, state: State) -> dict[str, Any]:
        shapes = {"spk_proj.weight": (8, 32), "spk_proj.bias": (8,), "project_q.weight": (8, 8)}
        shapes["project_q.bias"] = (8,)
        if groups["model"]["layer_norm_first"]:
            norm = "encoder.layer_norm_for_extract."
            shapes |= {f"{norm}weight": (32,), f"{norm}bias": (32,)}
        if quantizes:
            shapes |= {"quantizer.vars": (1, 8, 4), "quantizer.weight_proj.weight": (8, 32)}
            shapes["quantizer.weight_proj.bias"] = (8,)
        told = {"_name": "unispeech_sat", "utterance_contrastive_loss": True, **arguments}
        more = {name: torch.randn(shape) for name, shape in shapes.items()}
        return save({**groups, "model": {**groups["model"], **told}}, {**state, **more})

    return rename


def as_wavlm(*, grouped: bool = False, **arguments: object) -> Save:
    """As WavLM was released: gates beside an encoder of HuBERT's kind, arguments without groups.

    Args:
        grouped: Whether arguments are in groups, as its fork saves them in training.
        arguments: Those that are otherwise.
    """

    def rename(groups: Groups, state: State) -> dict[str, Any]:
        layers, heads = groups["model"]["encoder_layers"], 2
        gates = {
            f"encoder.layers.{layer}.self_attn.{name}": torch.randn(shape)
            for layer in range(layers)
            for name, shape in (
                ("grep_a", (1, heads, 1, 1)),
                ("grep_linear.weight", (8, 16)),
                ("grep_linear.bias", (8,)),
            )
        }
        gates["encoder.layers.0.self_attn.relative_attention_bias.weight"] = torch.randn(20, heads)
        told = {"relative_position_embedding": True, "gru_rel_pos": True, "max_distance": 80}
        model = {**groups["model"], **told, **arguments, "_name": "wavlm"}
        if grouped:
            return as_hydra({**groups, "model": model}, {**state, **gates})
        flat = {**model, "normalize": groups["task"]["normalize"]}
        del flat["_name"]
        return {"cfg": flat, "model": {**state, **gates}}

    return without_heads(rename)


UNISPEECH_VARIANTS = (
    _bare(name="UniSpeech, layer norm", save=as_unispeech()),
    _bare(name="UniSpeech, group norm", kind=GROUP_NORM, save=as_unispeech()),
    _bare(name="UniSpeech, Namespace", save=as_unispeech(as_namespace)),
    _bare(name="UniSpeech, float16 weights", save=as_unispeech(in_half)),
    _bare(name="UniSpeech, equal widths", model=EQUAL_WIDTHS, save=as_unispeech()),
    _bare(name="UniSpeech, without its heads", save=without_heads(as_unispeech())),
    _hubert(name="UniSpeech-SAT, group norm", kind=GROUP_NORM, save=as_unispeech_sat()),
    _hubert(name="UniSpeech-SAT, layer norm", save=as_unispeech_sat()),
    _hubert(
        name="UniSpeech-SAT, nothing masked", model={"mask_prob": 0.0}, save=as_unispeech_sat()
    ),
    _hubert(name="UniSpeech-SAT, no codes", save=as_unispeech_sat(quantizes=False)),
    _hubert(name="UniSpeech-SAT, Namespace", save=as_unispeech_sat(as_namespace)),
    _hubert(name="UniSpeech-SAT, no arguments", save=as_unispeech_sat(without_arguments)),
    _hubert(name="UniSpeech-SAT, float16 weights", save=as_unispeech_sat(in_half)),
    _hubert(
        name="UniSpeech-SAT, relative positions",
        save=as_unispeech_sat(relative_position_embedding=True),
        ends="refused: args.relative_position_embedding",
    ),
    _hubert(
        name="UniSpeech-SAT, conformer layers",
        save=as_unispeech_sat(structure_type="conformer"),
        ends="refused: args.structure_type",
    ),
)

WAVLM_VARIANTS = (
    _hubert(name="WavLM, layer norm", save=as_wavlm(), ends="unverified without its fork"),
    _hubert(
        name="WavLM, group norm",
        kind=GROUP_NORM,
        save=as_wavlm(),
        ends="unverified without its fork",
    ),
    _hubert(
        name="WavLM, as its fork saves",
        save=as_wavlm(grouped=True),
        ends="unverified without its fork",
    ),
    _hubert(
        name="WavLM, wider heads",
        save=as_wavlm(expand_attention_head_size=32),
        ends="refused: args.expand_attention_head_size",
    ),
)

_data2vec: Callable[..., PretrainingVariant] = partial(
    PretrainingVariant,
    encoder="data2vec_audio",
    usual=DATA2VEC,
    kind=POST_NORM,
    normalize=True,
    save=as_pretrained(),
)

DATA2VEC_PRETRAINING_VARIANTS = (
    _data2vec(name="data2vec as pretrained"),
    _data2vec(name="data2vec as pretrained, projection as published", save=renamed_projection),
    _data2vec(name="data2vec as pretrained, not normalized", normalize=False),
    _data2vec(name="data2vec as pretrained, conv bias", model={"conv_bias": True}),
    _data2vec(
        name="data2vec as pretrained, one positional convolution", model={"pos_conv_depth": 1}
    ),
    _data2vec(
        name="data2vec as pretrained, even positional kernels",
        model={"conv_pos": 16, "pos_conv_depth": 4},
    ),
    _data2vec(name="data2vec as pretrained, equal widths", model=EQUAL_WIDTHS),
    _data2vec(name="data2vec as pretrained, Namespace", save=as_pretrained(as_namespace)),
    _data2vec(name="data2vec as pretrained, DictConfig", save=as_pretrained(as_dict_config)),
    _data2vec(name="data2vec as pretrained, no arguments", save=as_pretrained(without_arguments)),
    _data2vec(
        name="data2vec as pretrained, no arguments, equal widths",
        model=EQUAL_WIDTHS,
        save=as_pretrained(without_arguments),
    ),
    _data2vec(name="data2vec as pretrained, float16 weights", save=in_half),
    _data2vec(name="data2vec's encoder", save=without_heads()),
    _data2vec(name="data2vec's encoder, of a CTC model", save=exported("wav2vec_ctc")),
    _data2vec(
        name="data2vec's encoder, CTC model without its head", save=exported("wav2vec_ctc", PLACE)
    ),
    _data2vec(
        name="data2vec as pretrained, norms first",
        model={"layer_norm_first": True},
        ends="refused: args.pos_conv_depth",
    ),
    _data2vec(
        name="data2vec as pretrained, group norm",
        model={"extractor_mode": "default"},
        ends="refused: args.pos_conv_depth",
    ),
)
