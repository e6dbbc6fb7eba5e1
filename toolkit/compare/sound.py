"""What a clip looks and sounds like, small enough for a report to carry."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

from toolkit.audio.clips import SAMPLE_RATE_HZ
from toolkit.compare.metrics import largest
from toolkit.core.pictures import BANDS, DECIBELS_A_STEP, LOUDEST

if TYPE_CHECKING:
    from torch import Tensor

MAX_WAVES = 400
MAX_COLUMNS = 160
"""Of a spectrogram."""
MAX_AUDIO_S = 12.0
MP3_COMPRESSION = 0.9
"""About 3 kB a second: to be listened to, not to be measured."""
WINDOW, HOP = 400, 160
"""Samples, 25 and 10 ms, of a clip that is short enough to have a column each."""
QUIETEST = 1e-3
"""Less than any sound has whose loudest sample is 1; silence has 1e-10, below which nothing is."""
INT8 = 127


def draw_envelope(waveform: Tensor) -> bytes:
    """The lowest and highest sample in turn, as int8: 127 stands for the loudest sample.

    Args:
        waveform: Shape (L,).
    """
    import torch

    if not waveform.numel():
        return b""
    loudest = largest(waveform) or 1.0
    group = math.ceil(waveform.numel() / MAX_WAVES)
    padding = -waveform.numel() % group
    bars = torch.nn.functional.pad(waveform.float() / loudest, (0, padding)).reshape(-1, group)
    pairs = torch.stack([bars.amin(1), bars.amax(1)], dim=1).flatten()
    return (pairs.nan_to_num(0.0).clamp(-1, 1) * INT8).round().to(torch.int8).numpy().tobytes()


def draw_spectrogram(waveform: Tensor) -> bytes:
    """How loud each band is at each time, see `toolkit.core.pictures.ClipPicture`.

    Bands are as wide as ears hear them, the mel scale, and reach to half of the sample rate.

    Args:
        waveform: Shape (L,), 16 kHz mono, any scale.
    """
    import numpy as np
    from transformers.audio_utils import mel_filter_bank, spectrogram

    if not waveform.numel():
        return b""
    hop = max(HOP, math.ceil(waveform.numel() / MAX_COLUMNS))
    window = max(WINDOW, hop)
    length = 1 << (window - 1).bit_length()
    sound = waveform.double().nan_to_num(0.0, 0.0, 0.0)
    samples = np.pad((sound / (largest(sound) or 1.0)).numpy(), (0, window))
    powers = spectrogram(
        samples,
        np.hanning(window),
        frame_length=window,
        hop_length=hop,
        fft_length=length,
        power=2.0,
        center=False,
        mel_filters=mel_filter_bank(
            length // 2 + 1, BANDS, 0.0, SAMPLE_RATE_HZ / 2, SAMPLE_RATE_HZ
        ),
    )[:, : math.ceil(waveform.numel() / hop)]
    decibels = 10 * np.log10(powers / max(powers.max(), QUIETEST))
    levels = (decibels / DECIBELS_A_STEP + LOUDEST).round().clip(0, LOUDEST)
    return bytes(levels.astype(np.uint8).tobytes())


def encode_sound(waveform: Tensor) -> bytes:
    """The clip to listen to, an MP3 file.

    Empty for a long clip or none, and where the installed libsndfile writes no MP3.

    Args:
        waveform: Shape (L,), 16 kHz mono, any scale.
    """
    import soundfile

    if not 0 < waveform.numel() <= MAX_AUDIO_S * SAMPLE_RATE_HZ:
        return b""
    samples = (waveform.float() / (largest(waveform) or 1.0) * 0.9).numpy()
    file = io.BytesIO()
    try:
        soundfile.write(
            file,
            samples,
            SAMPLE_RATE_HZ,
            format="MP3",
            subtype="MPEG_LAYER_III",
            compression_level=MP3_COMPRESSION,
            bitrate_mode="CONSTANT",
        )
    except (soundfile.LibsndfileError, ValueError):
        return b""
    return file.getvalue()
