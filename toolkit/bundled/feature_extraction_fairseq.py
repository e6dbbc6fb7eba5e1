"""fairseq's standardization of a waveform."""

import numpy as np
from transformers import Wav2Vec2FeatureExtractor

EPSILON = 1e-5
"""What fairseq's layer norm adds to the variance; the stock class adds 1e-7, which shows on quiet
audio."""


class FairseqFeatureExtractor(Wav2Vec2FeatureExtractor):
    """`Wav2Vec2FeatureExtractor` with fairseq's epsilon."""

    @staticmethod
    def zero_mean_unit_var_norm(
        input_values: list[np.ndarray],
        attention_mask: list[np.ndarray] | None,
        padding_value: float = 0.0,
    ) -> list[np.ndarray]:
        """Every waveform, shape (L,), with mean 0 and variance 1 over its own samples.

        Args:
            input_values: Waveforms, shorter ones padded.
            attention_mask: Shape (L,) each, 1 for samples of the clip; None if all are.
            padding_value: What stands behind a clip's end.
        """
        masks = [None] * len(input_values) if attention_mask is None else attention_mask
        standardized = []
        for waveform, mask in zip(input_values, masks, strict=True):
            length = len(waveform) if mask is None else int(np.asarray(mask).sum())
            clip = np.asarray(waveform[:length], dtype=np.float64)
            clip = (clip - clip.mean()) / np.sqrt(clip.var() + EPSILON)
            row = np.full(len(waveform), padding_value, dtype=np.float32)
            row[:length] = clip
            standardized.append(row)
        return standardized
