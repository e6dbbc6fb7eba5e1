"""What models are asked about: clips of audio, or sentences; and how each is read."""

from toolkit.examples.medium import AUDIO, TEXT, Medium
from toolkit.examples.sentences import Sentence

__all__ = ["AUDIO", "TEXT", "Medium", "Sentence"]
