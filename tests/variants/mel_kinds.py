"""Vocoders of spectrograms of every flag, each by what differs from the plainest one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.variants.vocoder_kinds import NATIVE

CONFIG: Mapping[str, Any] = {
    "resblock": "1",
    "upsample_rates": [8, 4, 4, 2],
    "upsample_kernel_sizes": [16, 8, 8, 4],
    "upsample_initial_channel": 32,
    "resblock_kernel_sizes": [3, 7],
    "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5]],
    "num_mels": 80,
    "n_fft": 1024,
    "hop_size": 256,
    "win_size": 1024,
    "sampling_rate": 22050,
    "fmin": 20,
    "fmax": 8000,
}
"""The plainest configuration: published ones begin with 512 channels."""
FEATURES: Mapping[str, Any] = {
    "type": "spectrogram+melscale+log",
    "eps": 1e-5,
    "n_mels": 80,
    "n_fft": 1024,
    "window_fn": "hann",
    "win_length": 1024,
    "hop_length": 256,
    "sample_rate": 22050,
    "win_len_t": 1024 / 22050,
    "hop_len_t": 256 / 22050,
    "f_min": 0,
    "f_max": 8000,
    "n_stft": 513,
}
"""What fairseq's script writes of spectrograms."""
_ALONE = ("upsample_rates", "resblock_dilation_sizes")


@dataclass(frozen=True, kw_only=True)
class MelVariant:
    """One kind of vocoder: what differs from the plainest one."""

    name: str
    config: Mapping[str, Any] = field(default_factory=dict)
    """What its configuration says otherwise; None leaves a key out."""
    features: Mapping[str, Any] | None = None
    """What `features` of a `config.yaml` beside it says otherwise than fairseq's script does; None
    where there is no such file."""
    keeps_norms: bool = True
    """Whether its weights are saved with their weight norms, as training does."""
    called: str = "config.json"
    """The file of its configuration."""
    legacy: bool = False
    """Whether it is saved as torch did before 1.6."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """What names of tensors begin with, and what they begin with instead."""
    ends: str = NATIVE


MEL_VARIANTS = (
    MelVariant(name="22050 samples a second"),
    MelVariant(name="weight norms taken off", keeps_norms=False),
    MelVariant(
        name="16000 samples a second, two layers, 40 bands",
        config={
            "upsample_rates": [10, 16],
            "upsample_kernel_sizes": [20, 33],
            "upsample_initial_channel": 16,
            "resblock_kernel_sizes": [3],
            "resblock_dilation_sizes": [[1, 2, 4]],
            "num_mels": 40,
            "model_in_dim": 40,
            "n_fft": 800,
            "win_size": 640,
            "hop_size": 160,
            "sampling_rate": 16000,
            "fmin": 0,
            "fmax": None,
        },
    ),
    MelVariant(
        name="128 bands",
        config={"num_mels": 128, "model_in_dim": 128},
        features={"n_mels": 128, "win_length": 800, "window_fn": "hamming"},
    ),
    MelVariant(name="a configuration of its own name", called="model.json", features={"f_min": 20}),
    MelVariant(
        name="rates and dilations alone",
        config=dict.fromkeys(name for name in CONFIG if name not in _ALONE),
    ),
    MelVariant(
        name="dilations that fairseq leaves out",
        config={"resblock_dilation_sizes": [[1, 3, 5, 7], [1, 3, 5], [1, 3, 5]]},
    ),
    MelVariant(name="saved before torch 1.6", legacy=True),
    MelVariant(
        name="residual blocks of the second kind",
        renamed={".convs1.": ".convs.", ".convs2.": ".gone."},
        ends="refused: resblocks.0.convs.0.weight",
    ),
    MelVariant(
        name="even kernels",
        config={"resblock_kernel_sizes": [4], "resblock_dilation_sizes": [[1, 3, 5]]},
        ends="refused: resblocks.0.convs1.0.weight",
    ),
    MelVariant(
        name="rates of another vocoder",
        config={"upsample_rates": [8, 8, 4]},
        ends="refused: config.json upsample_rates",
    ),
    MelVariant(
        name="dilations of another vocoder",
        config={"resblock_dilation_sizes": [[1, 3], [1, 3]]},
        ends="refused: config.json resblock_dilation_sizes",
    ),
)
