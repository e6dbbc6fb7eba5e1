"""What a folder says of the waveforms that its model takes, whatever it makes of them."""

from __future__ import annotations

from typing import Any

from toolkit.blocks.evidence import Derived

NORMALIZE = "preprocessor_config.do_normalize"
"""The one value of it that a checkpoint may leave open."""


def preprocessor_config(normalize: Derived) -> dict[str, Any]:
    """What `preprocessor_config.json` must hold for the same input of the network."""
    return {
        "feature_extractor_type": "Wav2Vec2FeatureExtractor",
        "processor_class": "Wav2Vec2Processor",
        "feature_size": 1,
        "sampling_rate": 16_000,
        "padding_side": "right",
        "padding_value": 0.0,
        "do_normalize": normalize.value,
        "return_attention_mask": True,
    }
