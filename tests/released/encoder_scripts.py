"""Runs of the scripts for encoders: their inputs as users had them, and the folders they make.

Users give a script the configuration of a model on the hub whose sizes are those of the checkpoint,
whatever else it says, or none at all: then every value is the default of a class, whose sizes are
those of a base model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from tests.released.environments import Released
from tests.released.jobs import Job, run_listed
from tests.variants.ctc_building import build_ctc
from tests.variants.ctc_kinds import CtcVariant, Groups, Save, State, as_hydra
from tests.variants.pretraining_building import build_pretraining
from tests.variants.pretraining_kinds import PretrainingVariant
from toolkit.audio import golden_folder

LETTERS = "speech-encoder-decoder"
"""The model type of what has a decoder that writes letters."""
SCRIPTS = {
    "wav2vec2": "wav2vec2/convert_wav2vec2_original_pytorch_checkpoint_to_pytorch.py",
    "wav2vec2-conformer": (
        "wav2vec2_conformer/convert_wav2vec2_conformer_original_pytorch_checkpoint_to_pytorch.py"
    ),
    "hubert": "hubert/convert_hubert_original_pytorch_checkpoint_to_pytorch.py",
    "data2vec-audio": "data2vec/convert_data2vec_audio_original_pytorch_checkpoint_to_pytorch.py",
    "unispeech": "unispeech/convert_unispeech_original_pytorch_checkpoint_to_pytorch.py",
    "unispeech-sat": (
        "unispeech_sat/convert_unispeech_sat_original_pytorch_checkpoint_to_pytorch.py"
    ),
    "wavlm": "wavlm/convert_wavlm_original_pytorch_checkpoint_to_pytorch.py",
    LETTERS: (
        "speech_encoder_decoder/convert_speech_to_text_wav2vec2_seq2seq_original_to_pytorch.py"
    ),
}
"""Where a wheel has the script of each model type."""
BASE: dict[str, Any] = {
    "activation_dropout": 0.0,
    "attention_dropout": 0.1,
    "conv_bias": False,
    "do_stable_layer_norm": False,
    "feat_extract_norm": "group",
    "hidden_act": "gelu",
    "hidden_dropout": 0.1,
    "layerdrop": 0.05,
    "mask_time_prob": 0.05,
    "vocab_size": 32,
}
"""What base models on the hub say beside their sizes."""
LARGE = {**BASE, "conv_bias": True, "do_stable_layer_norm": True, "feat_extract_norm": "layer"}
"""What large models on the hub say beside their sizes."""
FORKS = ("unispeech", "unispeech-sat", "wavlm")
"""Scripts that load models with code that is in no package: it is stood in for."""
HEARD = ("ru_2.flac", "tiny.flac")
"""The clips that stand for a data set."""
S2T: dict[str, Any] = {
    "model_type": "speech_to_text",
    "activation_function": "relu",
    "decoder_layerdrop": 0.0,
    "decoder_start_token_id": 2,
    "scale_embedding": True,
}
"""What the decoder of a model on the hub says beside its sizes."""
EMBEDDINGS = "w2v_encoder.w2v_model.label_embs_concat"
CLASSES = 30
"""Of HuBERT's pretraining: the rows of a dictionary, and the four that each begins with."""
OWN_SIZES = {
    "unispeech": {"num_ctc_classes": 9},
    "unispeech-sat": {"num_clusters": CLASSES, "num_codevectors_per_group": 4},
    "wavlm": {"num_buckets": 20, "max_bucket_distance": 80},
}
"""Sizes that models of one type alone have: letters and classes of pretraining, distances."""
HUB = "facebook/wav2vec2-large-lv60"
"""The model of the hub whose processor a script takes for every model."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A checkpoint, and what its script was called with."""

    script: str
    """The model type."""
    variant: CtcVariant | PretrainingVariant
    config: Mapping[str, Any] | None = field(default_factory=lambda: LARGE)
    """What the borrowed configuration says beside its sizes; without any, defaults rule."""
    old_torch: bool = True
    """Whether torch is one before parametrizations, whose names of weight norm scripts know."""
    where: str = "checkpoint"
    """The folder of the checkpoint, of which a script reads what positions it has."""

    @property
    def borrowed(self) -> str:
        """Whose configuration it is."""
        if self.config is None:
            return "none"
        base = self.config["feat_extract_norm"] == "group"
        others = {k: v for k, v in self.config.items() if (BASE if base else LARGE).get(k) != v}
        told = ", ".join(f"`{name}` {value!r}" for name, value in others.items())
        return f"{'base' if base else 'large'}{', ' if told else ''}{told}"

    @property
    def checkpoint(self) -> str:
        """What kind of checkpoint it is."""
        kind = "pretrained"
        if isinstance(self.variant, CtcVariant):
            kind = "CTC" if self.variant.model.endswith("ctc") else ""
        return f"{kind}, {self.variant.name}".removeprefix(", ")

    @property
    def name(self) -> str:
        """As tests show it."""
        torch_is = "" if self.old_torch else ", new torch"
        beside = "" if self.where == "checkpoint" else f", in `{self.where}`"
        return f"{self.script} {self.checkpoint}, {self.borrowed}{torch_is}{beside}"


def prepare_job(case: Case, place: Path) -> Job[Case]:
    """The checkpoint as a training leaves it, and what the script is called with.

    Args:
        case: What to convert, and how.
        place: An empty folder.
    """
    variant, place = case.variant, place / case.where
    trained = replace(variant, save=partial(save_trained, variant.save, place))
    folder = place / "folder"
    folder.mkdir(parents=True)
    if isinstance(trained, CtcVariant):
        checkpoint = build_ctc(trained, place).path
    else:
        checkpoint = build_pretraining(trained, place)
    named = {
        **_dictionary(variant, place),
        **_lent(case, place),
        "checkpoint_path": checkpoint,
        "pytorch_dump_folder_path": folder,
    }
    words = [word for key, value in named.items() for word in (f"--{key}", str(value))]
    return Job(case=case, checkpoint=checkpoint, folder=folder, words=(*words, *_switches(case)))


def _dictionary(variant: CtcVariant | PretrainingVariant, place: Path) -> dict[str, Path]:
    if not isinstance(variant, CtcVariant):
        return {}
    return {"dict_path": place / f"dict.{variant.labels}.txt"}


def _lent(case: Case, place: Path) -> dict[str, Path]:
    """The borrowed configuration, if there is one."""
    if case.config is None:
        return {}
    # What a user changed by hand comes last.
    changed = {key: value for key, value in case.config.items() if LARGE.get(key) != value}
    measured = {**sizes(case.variant), **_head_sizes(case)}
    kind = "wav2vec2" if case.script == LETTERS else case.script
    config = {"model_type": kind, **case.config, **measured, **changed}
    _write_json(place / "borrowed" / "config.json", config)
    if case.script != LETTERS:
        return {"config_path": place / "borrowed"}
    _write_json(place / "decoder" / "config.json", {**S2T, **_decoder_sizes(_outer(case))})
    return {"encoder_config_path": place / "borrowed", "decoder_config_path": place / "decoder"}


def _outer(case: Case) -> Mapping[str, Any]:
    assert isinstance(case.variant, CtcVariant), "a pretrained model has no decoder"
    return case.variant.outer


def _decoder_sizes(outer: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "d_model": outer["decoder_embed_dim"],
        "decoder_ffn_dim": outer["decoder_ffn_embed_dim"],
        "decoder_attention_heads": outer["decoder_attention_heads"],
        "max_target_positions": outer["max_target_positions"],
    }


def _switches(case: Case) -> tuple[str, ...]:
    if case.script == LETTERS:
        symbols, layers = len(case.variant.symbols) + 4, _outer(case)["decoder_layers"]
        return "--vocab_size", str(symbols), "--num_decoder_layers", str(layers)
    if isinstance(case.variant, CtcVariant):
        return ("--is_seq_class",) if case.variant.model == "wav2vec_classification" else ()
    return () if case.script == "wavlm" else ("--not_finetuned",)


def save_trained(inner: Save | None, place: Path, groups: Groups, state: State) -> dict[str, Any]:
    """As a training leaves it, where fairseq's own loader opens it on the machine of its training.

    Args:
        inner: What else the variant changes of it.
        place: Where the dictionaries of its pretraining lie.
        groups: The configuration.
        state: The weights.
    """
    (place / "dict.km.txt").write_text("".join(f"{i} 1\n" for i in range(26)), encoding="utf-8")
    groups["task"].update(data=str(place))
    for task in (groups["task"], groups["model"].get("w2v_args", {}).get("task", {})):
        if "label_dir" in task:
            task.update(label_dir=str(place))
    if groups["model"]["_name"] == "hubert_ctc":
        width = groups["model"]["w2v_args"]["model"]["final_dim"]
        state = {**state, EMBEDDINGS: torch.rand(CLASSES, width)}
    return {
        **(inner or as_hydra)(groups, state),
        "optimizer_history": [
            {"optimizer_name": "FairseqAdam", "lr_scheduler_state": {}, "num_updates": 9}
        ],
        "extra_state": {"train_iterator": {"epoch": 2}},
        "last_optimizer_state": None,
        "task_state": {},
    }


def sizes(variant: CtcVariant | PretrainingVariant) -> dict[str, Any]:
    """The sizes of an encoder and of its heads, which a user reads off."""
    own = variant.inner if isinstance(variant, CtcVariant) else variant.model
    said = {"latent_groups": 2, "latent_dim": 0, "latent_vars": 0, **variant.usual}
    said = {"final_dim": 0, **said, **variant.kind, **own}
    width, kernel, stride = zip(*eval(said["conv_feature_layers"]), strict=True)
    final = said["final_dim"] or said["encoder_embed_dim"]
    depth, kernels = said.get("pos_conv_depth", 1), said["conv_pos"]
    return {
        "hidden_size": said["encoder_embed_dim"],
        "intermediate_size": said["encoder_ffn_embed_dim"],
        "num_hidden_layers": said["encoder_layers"],
        "num_attention_heads": said["encoder_attention_heads"],
        "num_conv_pos_embeddings": kernels if depth == 1 else depth,
        "conv_pos_kernel_size": max(3, kernels // depth),
        "num_conv_pos_embedding_groups": said["conv_pos_groups"],
        "conv_dim": width,
        "conv_kernel": kernel,
        "conv_stride": stride,
        "num_feat_extract_layers": len(width),
        "num_codevectors_per_group": said["latent_vars"],
        "num_codevector_groups": said["latent_groups"],
        "codevector_dim": said["latent_dim"] or final,
        "proj_codevector_dim": final,
        "conv_depthwise_kernel_size": said.get("depthwise_conv_kernel_size", 31),
    }


def _head_sizes(case: Case) -> dict[str, int]:
    variant, own = case.variant, OWN_SIZES.get(case.script, {})
    if not isinstance(variant, CtcVariant) or variant.model != "wav2vec_classification":
        return own
    said = {**variant.usual, **variant.inner}
    return {
        "classifier_proj_size": variant.outer.get("latent_embed_dim", said["encoder_embed_dim"])
    }


def run_scripts(environment: Released, jobs: Sequence[Job[Case]], place: Path) -> list[str]:
    """What became of each job, in order: `done`, or why the script gave up."""
    _write_hub(place / HUB)
    clips = [str(golden_folder() / name) for name in HEARD]
    listed = [
        {
            "script": SCRIPTS[job.case.script],
            "words": list(job.words),
            "old": job.case.old_torch,
            "clips": clips,
            "held": job.case.script in FORKS,
        }
        for job in jobs
    ]
    return run_listed(environment, "encoder_scripts.py", listed, place)


def _write_hub(folder: Path) -> None:
    """The processor of a model on the hub, which a script loads by its name."""
    letters = ("|", *"ETAONIHSRDLUMWCFGYPBVK", "'", *"XJQZ")
    rows = ("<pad>", "<s>", "</s>", "<unk>", *letters)
    extractor = {
        "do_normalize": True,
        "feature_extractor_type": "Wav2Vec2FeatureExtractor",
        "feature_size": 1,
        "padding_side": "right",
        "padding_value": 0.0,
        "return_attention_mask": True,
        "sampling_rate": 16000,
    }
    _write_json(folder / "vocab.json", {row: index for index, row in enumerate(rows)})
    _write_json(folder / "preprocessor_config.json", extractor)
    _write_json(folder / "config.json", {**LARGE, "model_type": "wav2vec2"})
    _write_json(folder / "tokenizer_config.json", {"tokenizer_class": "Wav2Vec2CTCTokenizer"})


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
