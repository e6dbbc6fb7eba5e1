"""What models are asked about: clips of audio, sentences, or units; and how each is read."""

from toolkit.examples.medium import AUDIO, TEXT, UNITS, Medium
from toolkit.examples.sentences import Sentence
from toolkit.examples.units import Units

__all__ = ["AUDIO", "TEXT", "UNITS", "Medium", "Sentence", "Units"]
