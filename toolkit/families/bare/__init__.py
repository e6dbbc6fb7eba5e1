"""Encoders of waveforms without heads: what is the same in every family of them."""

from toolkit.families.bare.family import BareEncoder

__all__ = ["BareEncoder"]
