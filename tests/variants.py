"""Small XMTransformers of every generation and flag, built by fairseq itself with random weights.

Norms and biases are perturbed, so that none is an identity by accident.
"""

from __future__ import annotations

import shutil
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from toolkit.oracle.build import make_namespace, register_models

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


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One kind of checkpoint: what differs from the plainest one."""

    name: str
    model: Mapping[str, Any] = field(default_factory=dict)
    w2v: Mapping[str, Any] = field(default_factory=dict)
    save: Callable[[Namespace, dict[str, Any]], dict[str, Any]] | None = None
    """Makes the saved state; None saves `args` and `model`."""
    seed: int = 1
    refused: str | None = None
    """What a refusal must name; None where the conversion is exact."""


def as_cfg(args: Namespace, state: dict[str, Any]) -> dict[str, Any]:
    generation = {"beam": 5, "max_len_b": 12, "lenpen": 1.0}
    cfg = {"model": args, "task": args, "generation": generation, "common": {"seed": 1}}
    return {"args": None, "cfg": cfg, "model": state}


def in_half(dtype: torch.dtype) -> Callable[[Namespace, dict[str, Any]], dict[str, Any]]:
    def save(args: Namespace, state: dict[str, Any]) -> dict[str, Any]:
        return {"args": args, "cfg": None, "model": {k: v.to(dtype) for k, v in state.items()}}

    return save


def with_optimizer(args: Namespace, state: dict[str, Any]) -> dict[str, Any]:
    moments = {i: {"exp_avg": torch.zeros_like(v)} for i, v in enumerate(state.values())}
    return {
        "args": args,
        "cfg": None,
        "model": state,
        "last_optimizer_state": {"state": moments, "param_groups": [{"lr": 1e-3}]},
    }


def without_w2v_args(args: Namespace, state: dict[str, Any]) -> dict[str, Any]:
    bare = Namespace(**{**vars(args), "w2v_args": None, "w2v_path": "/cluster/xlsr.pt"})
    return {"args": bare, "cfg": None, "model": state}


VARIANTS = (
    Variant(name="v0, equal widths"),
    Variant(
        name="no post_extract_proj",
        w2v={"conv_feature_layers": "[(32, 10, 5)] + [(32, 3, 2)] * 4 + [(32, 2, 2)] * 2"},
    ),
    Variant(name="decoder relu", model={"activation_fn": "relu"}),
    Variant(name="decoder gelu_accurate", model={"activation_fn": "gelu_accurate"}),
    Variant(name="decoder tanh", model={"activation_fn": "tanh"}),
    Variant(name="encoder relu", w2v={"activation_fn": "relu"}),
    Variant(name="untied output", model={"share_decoder_input_output_embed": False}),
    Variant(name="no_scale_embedding", model={"no_scale_embedding": True}),
    Variant(name="no conv bias", w2v={"conv_bias": False}),
    Variant(
        name="group-norm extractor, post-LN encoder",
        w2v={"extractor_mode": "default", "layer_norm_first": False, "conv_bias": False},
    ),
    Variant(name="odd positional kernel", w2v={"conv_pos": 15}),
    Variant(name="adaptor stride 1", model={"adaptor_stride": 1}),
    Variant(name="adaptor stride 3", model={"adaptor_stride": 3}),
    Variant(name="adaptor of 1 layer", model={"adaptor_n_layers": 1}),
    Variant(name="adaptor of 5 layers", model={"adaptor_n_layers": 5}),
    Variant(name="no adaptor", model={"adaptor_n_layers": 0}),
    Variant(name="weight norm removed", model={"remove_weight_norm": True}),
    Variant(name="max_target_positions 100", model={"max_target_positions": 100}),
    Variant(
        name="head width 12",
        w2v={"encoder_embed_dim": 36, "encoder_attention_heads": 3},
        model={"encoder_embed_dim": 36, "decoder_embed_dim": 36, "decoder_attention_heads": 3},
    ),
    Variant(name="cfg instead of args", save=as_cfg),
    Variant(name="float16 weights", save=in_half(torch.float16)),
    Variant(name="bfloat16 weights", save=in_half(torch.bfloat16)),
    Variant(name="with optimizer state", save=with_optimizer),
    Variant(
        name="without wav2vec2 arguments",
        save=without_w2v_args,
        refused="encoder.num_attention_heads",
    ),
    Variant(
        name="post-norm decoder",
        model={"decoder_normalize_before": False},
        refused="args.decoder_normalize_before",
    ),
    Variant(
        name="no layernorm_embedding",
        model={"layernorm_embedding": False},
        refused="decoder.layernorm_embedding",
    ),
    Variant(
        name="sinusoidal positions",
        model={"decoder_learned_pos": False},
        refused="decoder.embed_positions",
    ),
    Variant(
        name="encoder_proj to a wider decoder",
        model={"encoder_proj": True, "decoder_embed_dim": 48},
        refused="encoder.w2v_encoder.proj",
    ),
    Variant(
        name="adaptor_proj (v1), equal widths",
        model={"adaptor_proj": True},
        refused="encoder.adaptor.proj",
    ),
    Variant(
        name="adaptor_proj (v1), wider decoder",
        model={"adaptor_proj": True, "decoder_embed_dim": 48},
        refused="encoder.adaptor.proj",
    ),
    Variant(
        name="adaptor_layernorm",
        model={"adaptor_layernorm": True},
        refused="encoder.adaptor.layernorm",
    ),
    Variant(
        name="decoder wider than a v0 encoder",
        model={"decoder_embed_dim": 48},
        refused="decoder.embed_tokens",
    ),
    Variant(
        name="adaptor kernel 5", model={"adaptor_kernel_size": 5}, refused="encoder.adaptor.layers"
    ),
    Variant(name="pos_conv_depth 2", w2v={"pos_conv_depth": 2}, refused="w2v_args.pos_conv_depth"),
)


MORE_CLEAN = (
    Variant(name="another seed", seed=2),
    Variant(name="a third seed, untied", seed=3, model={"share_decoder_input_output_embed": False}),
    Variant(
        name="width 64",
        seed=4,
        w2v={"encoder_embed_dim": 64, "encoder_attention_heads": 4, "encoder_ffn_embed_dim": 128},
        model={"encoder_embed_dim": 64, "decoder_embed_dim": 64, "decoder_attention_heads": 4},
    ),
    Variant(name="float16 weights, another seed", seed=5, save=in_half(torch.float16)),
    Variant(
        name="bfloat16 weights, untied",
        seed=6,
        save=in_half(torch.bfloat16),
        model={"share_decoder_input_output_embed": False},
    ),
    Variant(name="three encoder layers", seed=7, w2v={"encoder_layers": 3}),
    Variant(
        name="three decoder layers, relu",
        seed=8,
        model={"decoder_layers": 3, "activation_fn": "relu"},
    ),
)
"""Further conversions on which `toolkit diff` must find nothing."""


def readme_table() -> str:
    """The table of what converts, as README.md shows it."""
    rows = [
        f"| {v.name} | {'exact' if v.refused is None else f'refused, names `{v.refused}`'} |"
        for v in VARIANTS
    ]
    return "\n".join(["| checkpoint | conversion |", "|---|---|", *rows])


def build_variant(variant: Variant, companions: Path, folder: Path) -> Path:
    """Writes a checkpoint of the variant with its companions and returns its path.

    Args:
        variant: What to build.
        companions: Folder with `dict.txt`, `spm.model` and `config.yaml`.
        folder: Where to write; must exist.
    """
    from fairseq import tasks

    register_models()
    for name in ("dict.txt", "spm.model", "config.yaml"):
        shutil.copyfile(companions / name, folder / name)
    w2v_args = {**W2V, **variant.w2v}
    settings = {**MODEL, **variant.model, "w2v_args": w2v_args}
    built_with = make_namespace(settings, str(folder))
    torch.manual_seed(variant.seed)
    task = tasks.setup_task(built_with)
    model = task.build_model(built_with)
    _perturb(model)
    saved = Namespace(**{**settings, "w2v_path": None, "w2v_args": Namespace(**w2v_args)})
    make_state = variant.save or (lambda args, state: {"args": args, "model": state})
    torch.save(make_state(saved, dict(model.state_dict())), folder / "model.pt")
    return folder / "model.pt"


def _perturb(model: torch.nn.Module) -> None:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1 or "norm" in name:
                parameter.add_(0.1 * torch.randn_like(parameter))
