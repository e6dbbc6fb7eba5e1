"""fairseq's half of the task vocoder: from units of speech to a waveform."""

from toolkit.oracle.tasks.vocoder.reference import VocoderReference, open_reference

__all__ = ["VocoderReference", "open_reference"]
