"""S2UT-Transformers of every flag, each by what differs from the plainest one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml

from tests.variants.s2t_kinds import BUNDLED, DATA, GLOBAL, MODEL, S2TVariant
from tests.variants.states import as_cfg, in_half

UNITS = 100
UNIT_MODEL: Mapping[str, Any] = {
    **MODEL,
    "arch": "s2ut_transformer",
    "task": "speech_to_speech",
    "target_is_code": True,
    "target_code_size": UNITS,
    "n_frames_per_step": 1,
    "eval_inference": False,
    "infer_target_lang": "",
    "vocoder": "code_hifigan",
}
UNIT_DATA: Mapping[str, Any] = {
    key: DATA[key] for key in ("input_channels", "input_feat_per_channel", "transforms")
}
"""The plainest `config.yaml`: it names no dictionary."""
MULTITASK: Mapping[str, Any] = {
    "target_letter": {
        "decoder_type": "transformer",
        "dict": "letters.txt",
        "data": "letters",
        "encoder_layer": 1,
        "loss_weight": 8.0,
        "decoder_args": {"decoder_embed_dim": 16, "decoder_ffn_embed_dim": 24, "decoder_layers": 1},
    },
    "decoder_target_ctc": {
        "decoder_type": "ctc",
        "dict": "letters.txt",
        "data": "letters",
        "decoder_layer": 1,
        "loss_weight": 1.6,
    },
}
"""What the published recipe trains beside, of `multitask_config_yaml`."""


@dataclass(frozen=True, kw_only=True)
class S2UTVariant(S2TVariant):
    """One kind of checkpoint of units: what differs from the plainest one."""

    plain_model: Mapping[str, Any] = field(default_factory=lambda: UNIT_MODEL)
    plain_data: Mapping[str, Any] = field(default_factory=lambda: UNIT_DATA)


def with_decoders_beside(folder: Path) -> None:
    """The dictionary and the configuration of auxiliary tasks."""
    (folder / "letters.txt").write_text("".join(f"{letter} 1\n" for letter in "abcdefgh"))
    said = {
        name: {**task, "dict": str(folder / str(task["dict"]))} for name, task in MULTITASK.items()
    }
    (folder / "multitask.yaml").write_text(yaml.safe_dump(said))


def _refused(name: str, reason: str, **model: Any) -> S2UTVariant:
    return S2UTVariant(name=name, model=model, ends=f"refused: {reason}")


def _bundled(name: str, **model: Any) -> S2UTVariant:
    return S2UTVariant(name=name, model=model, ends=BUNDLED)


S2UT_VARIANTS = (
    S2UTVariant(name="units"),
    S2UTVariant(
        name="as for Fisher, of 4 heads",
        model={"arch": "s2ut_transformer_fisher", "encoder_attention_heads": 4},
    ),
    S2UTVariant(name="gelu", model={"activation_fn": "gelu"}),
    S2UTVariant(name="untied output", model={"share_decoder_input_output_embed": False}),
    S2UTVariant(name="no_scale_embedding", model={"no_scale_embedding": True}),
    S2UTVariant(name="1000 units", model={"target_code_size": 1000}),
    S2UTVariant(name="three convolutions", model={"conv_kernel_sizes": "5,3,3"}),
    S2UTVariant(name="max_len_a", model={"max_len_a": 0.05, "max_len_b": 4}),
    S2UTVariant(
        name="decoders of auxiliary tasks beside",
        model={"multitask_config_yaml": "multitask.yaml"},
        companions=with_decoders_beside,
    ),
    S2UTVariant(name="cfg instead of args", save=as_cfg),
    S2UTVariant(name="float16 weights", save=in_half(torch.float16)),
    S2UTVariant(name="not normalized", data={"transforms": None}),
    S2UTVariant(
        name="normalized by corpus",
        data={"transforms": {"*": ["global_cmvn"]}, "global_cmvn": GLOBAL},
    ),
    _refused("stacked units", "decoder.out_proj_n_frames", n_frames_per_step=2),
    S2UTVariant(
        name="a speaker's embedding",
        data={"target_speaker_embed": "speakers.tsv"},
        ends="refused: encoder.spk_emb_proj",
    ),
    _bundled("post-norm encoder", encoder_normalize_before=False),
    _bundled("post-norm decoder", decoder_normalize_before=False),
    _bundled("learned positions", decoder_learned_pos=True),
    _bundled("another decoder width", decoder_embed_dim=24),
    _refused("even kernel", "encoder.subsample.conv_layers.1.weight", conv_kernel_sizes="5,4"),
)
