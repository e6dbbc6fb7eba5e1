"""fairseq's transformer decoder: one block that takes its place."""

from toolkit.blocks.transformer_decoder.block import TransformerDecoderBlock
from toolkit.blocks.transformer_decoder.breakable import breakable
from toolkit.blocks.transformer_decoder.classes import M2M, NAMES, WHOLE, key
from toolkit.blocks.transformer_decoder.decoder import Habits

__all__ = ["M2M", "NAMES", "WHOLE", "Habits", "TransformerDecoderBlock", "breakable", "key"]
