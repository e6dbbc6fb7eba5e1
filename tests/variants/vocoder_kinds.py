"""Vocoders of every flag, each by what differs from the plainest one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PREDICTOR: Mapping[str, Any] = {
    "encoder_embed_dim": 12,
    "var_pred_hidden_dim": 12,
    "var_pred_kernel_size": 3,
    "var_pred_dropout": 0.5,
}
CONFIG: Mapping[str, Any] = {
    "resblock": "1",
    "upsample_rates": [5, 4, 2],
    "upsample_kernel_sizes": [11, 8, 4],
    "upsample_initial_channel": 32,
    "resblock_kernel_sizes": [3, 7],
    "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5]],
    "num_embeddings": 50,
    "embedding_dim": 12,
    "model_in_dim": 12,
    "sampling_rate": 16000,
    "dur_predictor_params": PREDICTOR,
}
"""The plainest `config.json`: published ones have 100 to 2500 units, and five layers."""
NATIVE = "native exact"


@dataclass(frozen=True, kw_only=True)
class VocoderVariant:
    """One kind of vocoder: what differs from the plainest one."""

    name: str
    config: Mapping[str, Any] = field(default_factory=dict)
    """What `config.json` says otherwise; None leaves a key out."""
    keeps_norms: bool = True
    """Whether its weights are saved with their weight norms, as training does."""
    ends: str = NATIVE


VOCODER_VARIANTS = (
    VocoderVariant(name="units with durations"),
    VocoderVariant(name="no durations", config={"dur_predictor_params": None}),
    VocoderVariant(
        name="several speakers",
        config={"multispkr": True, "num_speakers": 7, "model_in_dim": 24},
    ),
    VocoderVariant(
        name="several speakers, no durations",
        config={
            "multispkr": True,
            "num_speakers": 7,
            "model_in_dim": 24,
            "dur_predictor_params": None,
        },
    ),
    VocoderVariant(
        name="several speakers, two layers",
        config={
            "multispkr": True,
            "num_speakers": 7,
            "model_in_dim": 24,
            "upsample_rates": [5, 4],
            "upsample_kernel_sizes": [11, 8],
            "upsample_initial_channel": 16,
            "resblock_kernel_sizes": [3],
            "resblock_dilation_sizes": [[1, 3, 5]],
        },
    ),
    VocoderVariant(name="weight norms taken off", keeps_norms=False),
    VocoderVariant(
        name="one kernel",
        config={"resblock_kernel_sizes": [3], "resblock_dilation_sizes": [[1, 2, 4]]},
    ),
    VocoderVariant(name="1000 units", config={"num_embeddings": 1000}),
    VocoderVariant(name="22050 samples a second", config={"sampling_rate": 22050}),
    VocoderVariant(
        name="a pitch beside units",
        config={"f0": True, "model_in_dim": 13},
        ends="refused: config.json f0",
    ),
    VocoderVariant(
        name="speakers by vectors",
        config={
            "multispkr": True,
            "embedder_params": {"dim": 8},
            "embedder_dim": 8,
            "model_in_dim": 24,
        },
        ends="refused: config.json embedder_params",
    ),
    VocoderVariant(
        name="a wider predictor",
        config={"dur_predictor_params": {**PREDICTOR, "var_pred_hidden_dim": 16}},
        ends="refused: dur_predictor.conv1.0.weight",
    ),
)
