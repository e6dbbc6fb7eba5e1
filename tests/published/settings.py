"""The settings of published fairseq checkpoints, and of the vendor's conversions of the same.

Facts taken from files of the torchaudio project (`test/torchaudio_unittest/assets/wav2vec2`), which
keeps the configurations as they were saved: those of 2020 and 2021, with keys that today's fairseq
does not know, and without those that it learned since.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Settings = Mapping[str, Any]

SEARCH: Settings = {
    "beam": 5, "constraints": None, "decoding_format": None, "diverse_beam_groups": -1,
    "diverse_beam_strength": 0.5, "diversity_rate": -1.0, "iter_decode_eos_penalty": 0.0,
    "iter_decode_force_max_iter": False, "iter_decode_max_iter": 10, "iter_decode_with_beam": 1,
    "iter_decode_with_external_reranker": False, "lenpen": 1.0, "lm_path": None, "lm_weight": 0.0,
    "match_source_len": False, "max_len_a": 0.0, "max_len_b": 200, "min_len": 1, "nbest": 1,
    "no_beamable_mm": False, "no_early_stop": False, "no_repeat_ngram_size": 0,
    "no_seed_provided": False, "prefix_size": 0, "print_alignment": None, "print_step": False,
    "replace_unk": None, "retain_dropout": False, "retain_dropout_modules": None,
    "retain_iter_history": False, "sacrebleu": False, "sampling": False, "sampling_topk": -1,
    "sampling_topp": -1.0, "score_reference": False, "temperature": 1.0, "unkpen": 0.0,
    "unnormalized": False,
}  # fmt: skip

UNREAD: Settings = {
    "bmuf": {"average_sync": False, "block_lr": 1.0, "block_momentum": 0.875, "use_nbm": False},
    "checkpoint": {"checkpoint_suffix": "", "optimizer_overrides": "{}", "patience": -1},
    "common": {"amp": False, "fp16": True, "seed": 5, "tpu": False, "user_dir": None},
    "common_eval": {"model_overrides": "{}", "path": None, "post_process": None},
    "criterion": {"_name": "wav2vec", "infonce": False, "log_keys": [], "loss_weights": None},
    "dataset": {"batch_size": None, "gen_subset": "test", "train_subset": "train"},
    "distributed_training": {"ddp_backend": "c10d", "distributed_world_size": 128, "tpu": True},
    "eval_lm": {"context_window": 0, "softmax_batch": 9223372036854775807},
    "generation": SEARCH,
    "interactive": {"buffer_size": 0, "input": "-"},
    "lr_scheduler": {"_name": "polynomial_decay", "force_anneal": None, "power": 1.0},
    "optimization": {"clip_norm": 25.0, "update_freq": [1], "use_bmuf": False},
    "optimizer": {"_name": "adam", "adam_betas": "(0.9,0.98)", "tpu": True},
}
"""Groups of the pretraining that stand in a fine-tuned checkpoint beside model and task."""

WAV2VEC2: Settings = {
    "_name": "wav2vec2", "activation_dropout": 0.0, "activation_fn": "gelu",
    "attention_dropout": 0.1, "codebook_negatives": 0, "conv_bias": False,
    "conv_feature_layers": "[(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512,2,2)] * 2",
    "conv_pos": 128, "conv_pos_groups": 16, "cross_sample_negatives": 0, "dropout": 0.0,
    "dropout_features": 0.1, "dropout_input": 0.1, "encoder_layerdrop": 0.0,
    "extractor_mode": "default", "feature_grad_mult": 0.1, "latent_dim": 0, "latent_groups": 2,
    "latent_temp": [2.0, 0.5, 0.999995], "latent_vars": 320, "layer_norm_first": False,
    "logit_temp": 0.1, "mask_channel_before": False, "mask_channel_length": 10,
    "mask_channel_min_space": 1, "mask_channel_other": 0.0, "mask_channel_prob": 0.0,
    "mask_channel_selection": "static", "mask_length": 10, "mask_min_space": 1, "mask_other": 0.0,
    "mask_prob": 0.65, "mask_selection": "static", "negatives_from_everywhere": False,
    "no_mask_channel_overlap": False, "no_mask_overlap": False, "num_negatives": 100,
    "quantize_input": False, "quantize_targets": True, "quantizer_depth": 1, "quantizer_factor": 3,
    "same_quantizer": False, "target_glu": False,
}  # fmt: skip
"""The pretrained encoder's arguments that checkpoints of wav2vec 2.0 share."""

WAV2VEC2_TASK: Settings = {
    "_name": "audio_pretraining", "autoregressive": False, "binarized_dataset": False,
    "enable_padding": False, "eval_wer": False, "eval_wer_config": SEARCH,
    "eval_wer_post_process": "letter", "eval_wer_tokenizer": None, "inferred_w2v_config": None,
    "labels": None, "max_sample_size": 320000, "min_sample_size": 32000, "num_batch_buckets": 0,
    "precompute_mask_indices": False, "sample_rate": 16000, "tpu": True,
}  # fmt: skip

WAV2VEC2_CTC: Settings = {
    "_name": "wav2vec_ctc", "activation_dropout": 0.1, "apply_mask": True,
    "attention_dropout": 0.0, "blank_mode": "add", "blank_weight": 0.0,
    "conv_feature_layers": "[(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512,2,2)] + [(512,2,2)]",
    "dropout": 0.0, "dropout_input": 0.0, "encoder_embed_dim": 512, "feature_grad_mult": 0.0,
    "final_dropout": 0.0, "freeze_finetune_updates": 10000, "layerdrop": 0.1,
    "mask_channel_before": False, "mask_channel_length": 64, "mask_channel_min_space": 1,
    "mask_channel_other": 0.0, "mask_channel_prob": 0.1, "mask_channel_selection": "static",
    "mask_length": 10, "mask_min_space": 1, "mask_other": 0.0, "mask_prob": 0.5,
    "mask_selection": "static", "no_mask_channel_overlap": False, "no_mask_overlap": False,
    "no_pretrained_weights": False,
}  # fmt: skip
"""The fine-tuned model's arguments that checkpoints of wav2vec 2.0 share."""

HUBERT: Settings = {
    "_name": "hubert", "activation_dropout": 0.1, "activation_fn": "gelu",
    "attention_dropout": 0.0, "conv_bias": False,
    "conv_feature_layers": "[(512,10,5)] + [(512,3,2)] * 4 + [(512,2,2)] * 2", "conv_pos": 128,
    "conv_pos_groups": 16, "dropout": 0.0, "dropout_features": 0.0, "dropout_input": 0.0,
    "encoder_layerdrop": 0.1, "extractor_mode": "layer_norm", "feature_grad_mult": 0.0,
    "label_rate": 50, "latent_temp": [2.0, 0.5, 0.999995], "layer_norm_first": True,
    "logit_temp": 0.1, "mask_channel_length": 64, "mask_channel_min_space": 1,
    "mask_channel_other": 0.0, "mask_channel_prob": 0.25, "mask_channel_selection": "static",
    "mask_length": 10, "mask_min_space": 1, "mask_other": 0.0, "mask_prob": 0.5,
    "mask_selection": "static", "no_mask_channel_overlap": False, "no_mask_overlap": False,
    "skip_masked": False, "skip_nomask": True, "target_glu": False, "untie_final_proj": True,
}  # fmt: skip

HUBERT_TASK: Settings = {
    "_name": "hubert_pretraining", "data": "/foo/bar", "enable_padding": False,
    "fine_tuning": False, "label_dir": "/foo/bar", "label_rate": 50, "labels": [],
    "max_sample_size": 250000, "min_sample_size": 32000, "pad_audio": False, "random_crop": True,
    "sample_rate": 16000, "single_target": False,
}  # fmt: skip

HUBERT_CTC: Settings = {
    "_name": "hubert_ctc", "activation_dropout": 0.1, "apply_mask": True, "attention_dropout": 0.0,
    "data": "/datasets/somebody", "dropout": 0.0, "dropout_input": 0.0, "feature_grad_mult": 0.0,
    "final_dropout": 0.0, "freeze_finetune_updates": 10000, "layerdrop": 0.1,
    "mask_channel_length": 64, "mask_channel_other": 0.0, "mask_channel_prob": 0.25,
    "mask_channel_selection": "static", "mask_length": 10, "mask_other": 0.0, "mask_prob": 0.5,
    "mask_selection": "static", "no_mask_channel_overlap": False, "no_mask_overlap": False,
    "no_pretrained_weights": False,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large an encoder is."""

    width: int
    inner: int
    heads: int
    layers: int
    final: int

    @property
    def arguments(self) -> dict[str, int]:
        """The same as fairseq's arguments."""
        return {
            "encoder_embed_dim": self.width,
            "encoder_ffn_embed_dim": self.inner,
            "encoder_attention_heads": self.heads,
            "encoder_layers": self.layers,
            "final_dim": self.final,
        }


BASE = Size(width=768, inner=3072, heads=12, layers=12, final=256)
LARGE = Size(width=1024, inner=4096, heads=16, layers=24, final=768)
EXTRA_LARGE = Size(width=1280, inner=5120, heads=16, layers=48, final=1024)
LARGEST = Size(width=1920, inner=7680, heads=16, layers=48, final=1024)

LAYER_NORM: Settings = {
    "conv_bias": True, "extractor_mode": "layer_norm", "feature_grad_mult": 1.0,
    "latent_temp": [2.0, 0.1, 0.999995], "layer_norm_first": True,
}  # fmt: skip
"""What the large models of the second generation say otherwise."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """One checkpoint: what it says otherwise than those of its kind."""

    name: str
    size: Size
    normalize: bool
    inner: Settings = field(default_factory=dict)
    """Of the pretrained encoder."""
    lacks: tuple[str, ...] = ()
    """Arguments that came later."""
    outer: Settings | None = None
    """Of the fine-tuned model; None where it was not fine-tuned."""
    is_hubert: bool = False

    @property
    def groups(self) -> dict[str, Any]:
        """Model and task as published; the task of a fine-tuned one is left open there."""
        if self.outer is None:
            return self._pretrained
        task = {"_name": "audio_finetuning", "data": "/datasets/somebody", "labels": "ltr"}
        return {
            "task": {**task, "normalize": self.normalize},
            "model": {
                **(HUBERT_CTC if self.is_hubert else WAV2VEC2_CTC),
                **self.outer,
                "normalize": self.normalize,
                "w2v_args": {**({"_name": None} if self.is_hubert else UNREAD), **self._pretrained},
            },
        }

    @property
    def _pretrained(self) -> dict[str, Any]:
        model, task = (HUBERT, HUBERT_TASK) if self.is_hubert else (WAV2VEC2, WAV2VEC2_TASK)
        said = {**model, **self.size.arguments, **self.inner}
        return {
            "model": {key: value for key, value in said.items() if key not in self.lacks},
            "task": {**task, "normalize": self.normalize},
        }


PATH = "/private/home/somebody/models/wav2vec2/wav2vec_vox_new.pt"
SMALL = {"dropout": 0.1, "encoder_layerdrop": 0.05}
LATER = ("mask_channel_before", "quantizer_depth", "quantizer_factor")
XLSR = {
    **LAYER_NORM,
    "attention_dropout": 0.0,
    "conv_feature_layers": WAV2VEC2_CTC["conv_feature_layers"],
}
CLUSTERED: Settings = {
    "activation_dropout": 0.0, "encoder_layerdrop": 0.0, "feature_grad_mult": 1.0,
    "mask_channel_length": 10, "mask_channel_prob": 0.0, "mask_prob": 0.8,
}  # fmt: skip
"""What HuBERTs say otherwise before they are fine-tuned."""
HUBERT_BASE: Settings = {
    "attention_dropout": 0.1, "dropout": 0.1, "dropout_features": 0.1, "dropout_input": 0.1,
    "encoder_layerdrop": 0.05, "extractor_mode": "default", "feature_grad_mult": 0.1,
    "layer_norm_first": False, "skip_nomask": False, "untie_final_proj": False,
}  # fmt: skip

PUBLISHED = (
    Published(name="wav2vec_small", size=BASE, normalize=False, inner=SMALL),
    Published(name="libri960_big", size=LARGE, normalize=False, inner={"encoder_layerdrop": 0.2}),
    Published(name="wav2vec_vox_new", size=LARGE, normalize=True, inner=LAYER_NORM),
    Published(
        name="xlsr_53_56k",
        size=LARGE,
        normalize=True,
        inner={
            **LAYER_NORM,
            "attention_dropout": 0.0,
            "dropout_features": 0.0,
            "dropout_input": 0.0,
        },
        lacks=LATER,
    ),
    Published(
        name="xlsr_300m",
        size=LARGE,
        normalize=True,
        inner={**XLSR, "dropout_features": 0.0, "dropout_input": 0.0},
        lacks=LATER,
    ),
    Published(name="xlsr_1b", size=EXTRA_LARGE, normalize=True, inner=XLSR, lacks=LATER),
    Published(name="xlsr_2b", size=LARGEST, normalize=True, inner=XLSR, lacks=LATER),
    Published(
        name="hubert_base_ls960",
        size=BASE,
        normalize=False,
        inner={**CLUSTERED, **HUBERT_BASE},
        is_hubert=True,
    ),
    Published(
        name="hubert_large_ll60k", size=LARGE, normalize=True, inner=CLUSTERED, is_hubert=True
    ),
    Published(
        name="hubert_xtralarge_ll60k",
        size=EXTRA_LARGE,
        normalize=True,
        inner=CLUSTERED,
        is_hubert=True,
    ),
    Published(
        name="wav2vec_small_960h",
        size=BASE,
        normalize=False,
        outer={"freeze_finetune_updates": 0, "w2v_path": "???"},
        inner={**SMALL, "latent_temp": [2, 0.5, 0.999995]},
    ),
    Published(
        name="wav2vec_large_960h",
        size=LARGE,
        normalize=False,
        outer={"layerdrop": 0.2, "w2v_path": "???"},
        inner={"encoder_layerdrop": 0.2},
    ),
    Published(
        name="wav2vec_large_lv60k_960h",
        size=LARGE,
        normalize=True,
        outer={"mask_channel_prob": 0.25, "w2v_path": "???"},
        inner=LAYER_NORM,
    ),
    Published(
        name="wav2vec_large_lv60k_self_960h",
        size=LARGE,
        normalize=True,
        outer={"encoder_embed_dim": 768, "mask_prob": 0.1, "w2v_path": PATH},
        inner=LAYER_NORM,
    ),
    Published(
        name="hubert_large_ll60k_finetune_ls960",
        size=LARGE,
        normalize=True,
        outer={},
        is_hubert=True,
    ),
    Published(
        name="hubert_xtralarge_ll60k_finetune_ls960",
        size=EXTRA_LARGE,
        normalize=True,
        outer={},
        is_hubert=True,
    ),
)


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """What the vendor's configuration of the same model says."""

    name: str
    """On the Hub."""
    computing: Settings
    """Keys that change what is computed."""
    training: Settings
    """Keys that training alone reads."""


def _computing(size: Size, norm: str, **more: Any) -> dict[str, Any]:
    return {
        "conv_bias": norm == "layer", "conv_dim": [512] * 7,
        "conv_kernel": [10, 3, 3, 3, 3, 2, 2], "conv_stride": [5, 2, 2, 2, 2, 2, 2],
        "do_stable_layer_norm": norm == "layer", "feat_extract_activation": "gelu",
        "feat_extract_norm": norm, "hidden_act": "gelu", "hidden_size": size.width,
        "intermediate_size": size.inner, "layer_norm_eps": 1e-5, "model_type": "wav2vec2",
        "num_attention_heads": size.heads, "num_conv_pos_embedding_groups": 16,
        "num_conv_pos_embeddings": 128, "num_hidden_layers": size.layers, **more,
    }  # fmt: skip


def _codes(size: Size) -> dict[str, Any]:
    return {
        "codevector_dim": size.final, "contrastive_logits_temperature": 0.1,
        "num_codevector_groups": 2, "num_codevectors_per_group": 320,
        "proj_codevector_dim": size.final,
    }  # fmt: skip


LETTERS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "vocab_size": 32}
TUNED: Settings = {
    "activation_dropout": 0.1, "apply_spec_augment": True, "attention_dropout": 0.1,
    "feat_proj_dropout": 0.1, "final_dropout": 0.1, "hidden_dropout": 0.1, "layerdrop": 0.1,
    "mask_feature_length": 10, "mask_feature_prob": 0.0, "mask_time_length": 10,
    "mask_time_prob": 0.05,
}  # fmt: skip
"""What the vendor says of training to most models alike."""
CROSSLINGUAL = {
    **TUNED, "activation_dropout": 0.0, "final_dropout": 0.0, "mask_time_prob": 0.075,
}  # fmt: skip


VENDOR: Mapping[str, Vendor] = {
    "wav2vec_small": Vendor(
        name="facebook/wav2vec2-base",
        computing=_computing(BASE, "group"),
        training={**TUNED, "activation_dropout": 0.0, "final_dropout": 0.0, "layerdrop": 0.05},
    ),
    "libri960_big": Vendor(
        name="facebook/wav2vec2-large", computing=_computing(LARGE, "group"), training=TUNED
    ),
    "wav2vec_vox_new": Vendor(
        name="facebook/wav2vec2-large-lv60", computing=_computing(LARGE, "layer"), training=TUNED
    ),
    "xlsr_53_56k": Vendor(
        name="facebook/wav2vec2-large-xlsr-53",
        computing=_computing(LARGE, "layer"),
        training=CROSSLINGUAL,
    ),
    "xlsr_300m": Vendor(
        name="facebook/wav2vec2-xls-r-300m",
        computing=_computing(LARGE, "layer", **_codes(LARGE)),
        training=CROSSLINGUAL,
    ),
    "xlsr_1b": Vendor(
        name="facebook/wav2vec2-xls-r-1b",
        computing=_computing(EXTRA_LARGE, "layer", **_codes(EXTRA_LARGE)),
        training=CROSSLINGUAL,
    ),
    "xlsr_2b": Vendor(
        name="facebook/wav2vec2-xls-r-2b",
        computing=_computing(LARGEST, "layer", **_codes(LARGEST)),
        training=CROSSLINGUAL,
    ),
    "wav2vec_small_960h": Vendor(
        name="facebook/wav2vec2-base-960h",
        computing=_computing(BASE, "group", **LETTERS),
        training=TUNED,
    ),
    "wav2vec_large_960h": Vendor(
        name="facebook/wav2vec2-large-960h",
        computing=_computing(LARGE, "group", **LETTERS),
        training=TUNED,
    ),
    "wav2vec_large_lv60k_self_960h": Vendor(
        name="facebook/wav2vec2-large-960h-lv60-self",
        computing=_computing(LARGE, "layer", **LETTERS),
        training=TUNED,
    ),
}
"""The vendor's configuration of the same model, by the name of the fairseq checkpoint."""

ALIKE: Mapping[str, Vendor] = {
    "wav2vec_small": Vendor(
        name="facebook/wav2vec2-base-10k-voxpopuli",
        computing=_computing(BASE, "group"),
        training=TUNED,
    ),
    "xlsr_53_56k": Vendor(
        name="facebook/wav2vec2-large-xlsr-53-german",
        computing=_computing(LARGE, "layer"),
        training=TUNED,
    ),
}
"""The vendor's configuration of another model, whose fairseq checkpoint is not among those, by the
name of one whose encoder is of the same kind and size."""
