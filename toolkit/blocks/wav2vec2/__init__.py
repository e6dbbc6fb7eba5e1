"""The wav2vec 2.0 encoder: one block that takes its place."""

from toolkit.blocks.wav2vec2.block import Wav2Vec2Block
from toolkit.blocks.wav2vec2.breakable import BREAKABLE
from toolkit.blocks.wav2vec2.classes import NAMES
from toolkit.blocks.wav2vec2.strides import count_frames, possible_strides, shortest_input
from toolkit.blocks.wav2vec2.trunk import LAST_NORM

__all__ = [
    "BREAKABLE",
    "LAST_NORM",
    "NAMES",
    "Wav2Vec2Block",
    "count_frames",
    "possible_strides",
    "shortest_input",
]
