"""fairseq's half of the task mel_vocoder: from a log-mel spectrogram to a waveform."""

from toolkit.oracle.tasks.mel_vocoder.reference import (
    MelVocoderReference,
    open_reference,
    resampled,
)

__all__ = ["MelVocoderReference", "open_reference", "resampled"]
