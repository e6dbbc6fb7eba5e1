"""What the public script makes of the variants: its inputs as its users have them, and its folders.

Its users borrow both configurations from models of the hub whose sizes are those of the checkpoint,
whatever else these say.
"""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from tests.released.environments import Released
from tests.variants.arguments import MODEL, W2V
from tests.variants.building import build_variant
from tests.variants.kinds import Variant
from tests.variants.states import Save
from toolkit.audio import golden_folder
from toolkit.oracle.mends.conformer import mended_conformer
from toolkit.oracle.quiet import quiet_fairseq
from toolkit.oracle.tasks.speech_seq2seq.build import MISSING_DEFAULTS

XLS_R: dict[str, Any] = {
    "model_type": "wav2vec2",
    "activation_dropout": 0.0,
    "apply_spec_augment": True,
    "attention_dropout": 0.1,
    "do_stable_layer_norm": True,
    "feat_extract_norm": "layer",
    "feat_proj_dropout": 0.1,
    "conv_bias": True,
    "hidden_act": "gelu",
    "hidden_dropout": 0.1,
    "layerdrop": 0.1,
    "mask_time_prob": 0.075,
    "mask_time_length": 10,
}
"""The configuration of XLS-R on the hub, without its sizes."""
MBART: dict[str, Any] = {
    "model_type": "mbart",
    "activation_function": "gelu",
    "add_final_layer_norm": True,
    "attention_dropout": 0.0,
    "dropout": 0.1,
    "forced_eos_token_id": 2,
    "max_length": 200,
    "num_beams": 5,
    "early_stopping": True,
    "normalize_before": True,
    "scale_embedding": True,
    "use_cache": True,
}
"""The configuration of mBART-50 on the hub, without its sizes."""
EXTRACTOR = {
    "do_normalize": True,
    "feature_extractor_type": "Wav2Vec2FeatureExtractor",
    "feature_size": 1,
    "padding_side": "right",
    "padding_value": 0,
    "return_attention_mask": True,
    "sampling_rate": 16000,
}


PLACES = {"data": ".", "config_yaml": "config.yaml", "w2v_path": None}
"""Where the training found its material; the script names other places."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run of the script."""

    variant: Variant
    checkpoint: Path
    folder: Path
    words: Sequence[str]


def prepare_job(variant: Variant, place: Path) -> Job:
    """The checkpoint as hydra-era fairseq saved it, and what the script is called with.

    Args:
        variant: What to convert.
        place: An empty folder.
    """
    with quiet_fairseq(), mended_conformer():
        trained = replace(variant, save=partial(save_trained, variant.save))
        checkpoint = build_variant(trained, golden_folder() / "checkpoint", place)
    encoder, decoder = place / "borrowed_encoder", place / "borrowed_decoder"
    write_json(encoder / "config.json", {**XLS_R, **encoder_sizes(variant)})
    write_json(encoder / "preprocessor_config.json", EXTRACTOR)
    write_json(decoder / "config.json", {**MBART, **decoder_sizes(variant, place / "dict.txt")})
    said = {**MODEL, **variant.model}
    named = {
        "pytorch_dump_folder_path": place / "folder",
        "checkpoint_path": checkpoint,
        "dict_path": place / "spm.model",
        "config_yaml_path": "config.yaml",
        "encoder_config_path": encoder,
        "decoder_config_path": decoder,
        "adapter_stride": said["adaptor_stride"],
        "adapter_kernel_size": said["adaptor_kernel_size"],
        "encoder_output_dim": said["decoder_embed_dim"],
    }
    words = [word for key, value in named.items() for word in (f"--{key}", str(value))]
    return Job(variant=variant, checkpoint=checkpoint, folder=place / "folder", words=words)


def save_trained(inner: Save | None, args: Namespace, state: dict[str, Any]) -> dict[str, Any]:
    """As hydra-era fairseq saved a training, whatever else the variant changes of the state."""
    from fairseq.dataclass.utils import convert_namespace_to_omegaconf
    from omegaconf import open_dict

    changed = {"args": args, "model": state} if inner is None else inner(args, state)
    args = Namespace(**{**MISSING_DEFAULTS, **vars(changed.get("args") or args), **PLACES})
    pretrained = args.w2v_args and convert_namespace_to_omegaconf(Namespace(**vars(args.w2v_args)))
    cfg = convert_namespace_to_omegaconf(Namespace(**{**vars(args), "w2v_args": None}))
    with open_dict(cfg):
        cfg.model = {**vars(args), "_name": args.arch, "w2v_args": pretrained}
        cfg.task = {**vars(args), "_name": args.task, "w2v_args": None}
    return {
        "args": None,
        "cfg": cfg,
        "model": changed["model"],
        "optimizer_history": [
            {"optimizer_name": "FairseqAdam", "lr_scheduler_state": {}, "num_updates": 9}
        ],
        "extra_state": {"train_iterator": {"epoch": 2}},
        "last_optimizer_state": None,
        "task_state": {},
    }


def encoder_sizes(variant: Variant) -> dict[str, Any]:
    """The sizes of the encoder, which a user reads off."""
    said = {**W2V, **variant.w2v}
    convolutions = eval(said["conv_feature_layers"])
    width, kernel, stride = (list(column) for column in zip(*convolutions, strict=True))
    return {
        "hidden_size": said["encoder_embed_dim"],
        "intermediate_size": said["encoder_ffn_embed_dim"],
        "num_hidden_layers": said["encoder_layers"],
        "num_attention_heads": said["encoder_attention_heads"],
        "num_conv_pos_embeddings": said["conv_pos"],
        "num_conv_pos_embedding_groups": said["conv_pos_groups"],
        "conv_dim": width,
        "conv_kernel": kernel,
        "conv_stride": stride,
        "num_feat_extract_layers": len(width),
        "num_adapter_layers": {**MODEL, **variant.model}["adaptor_n_layers"],
    }


def decoder_sizes(variant: Variant, dictionary: Path) -> dict[str, Any]:
    """The sizes of the decoder."""
    said = {**MODEL, **variant.model}
    return {
        "d_model": said["decoder_embed_dim"],
        "vocab_size": 4 + len(dictionary.read_text(encoding="utf-8").splitlines()),
        "max_position_embeddings": said["max_target_positions"],
        **{
            f"{part}_{key}": said[f"decoder_{name}"]
            for part in ("encoder", "decoder")
            for key, name in (("ffn_dim", "ffn_embed_dim"), ("attention_heads", "attention_heads"))
        },
        **{f"{part}_layers": said["decoder_layers"] for part in ("encoder", "decoder")},
    }


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def run_script(environment: Released, jobs: Sequence[Job], place: Path) -> list[str]:
    """What became of each job, in order: `done`, or why the script gave up."""
    listed = place / "jobs.json"
    listed.write_text(json.dumps([list(job.words) for job in jobs]), encoding="utf-8")
    said = environment.run("seed_script.py", listed, cwd=place).splitlines()
    return said[-len(jobs) :]


EVERYWHERE = ("tokenizer.json", "decoder_start_token_id", "forced_bos_token_id", "max_length")
"""What is wrong with every folder of the script: the tokenizer of another model, no start token in
`generation_config.json`, the language 250004 and the lengths of the borrowed model."""

CAUSES: dict[str, tuple[str, ...]] = {
    "v0, equal widths": (),
    "another seed": (),
    "three encoder layers": (),
    "width 64": (),
    "odd positional kernel": (),
    "max_target_positions 100": (),
    "float16 weights": (),
    "encoder_proj, equal widths": (),
    "adaptor of 1 layer": (),
    "adaptor of 5 layers": (),
    "adaptor stride 1": (),
    "adaptor stride 3": (),
    "no adaptor": ("add_adapter",),
    "adaptor kernel 5": ("adaptor",),
    "adaptor_layernorm": ("adaptor",),
    "untied output": ("decoder.lm_head.weight",),
    "decoder relu": ("decoder.activation_function",),
    "decoder tanh": ("decoder.activation_function",),
    "encoder relu": ("encoder.hidden_act",),
    "no_scale_embedding": ("scale_embedding",),
    "no conv bias": ("conv_bias",),
    "group-norm extractor, post-LN encoder": (
        "conv_bias",
        "feat_extract_norm",
        "do_stable_layer_norm",
    ),
    "post-norm decoder": ("normalizes after",),
    "post-norm decoder, no layernorm_embedding": ("normalizes after",),
    "no layernorm_embedding": ("does not normalize its embeddings",),
    "sinusoidal positions": ("positions",),
    "sinusoidal positions, post-norm decoder": ("positions", "normalizes after"),
    "no positions": ("positions",),
    "tags as [xx_XX]": ("min_new_tokens",),
    "pruned dict with the original spm": (),
}
"""What is wrong beside with the folders of some variants, in words that a finding holds."""
