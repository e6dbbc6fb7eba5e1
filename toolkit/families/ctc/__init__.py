"""Encoders of waveforms with a CTC head: what is the same in every family of them."""

from toolkit.families.ctc.family import EncoderCtc

__all__ = ["EncoderCtc"]
