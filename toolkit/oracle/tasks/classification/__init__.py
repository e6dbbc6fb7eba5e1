"""fairseq's half of the task classification: from sound to one of several classes.

The model is fairseq's `Wav2VecClassification`, built from settings and weights that somebody else
has read.
"""

from toolkit.oracle.tasks.classification.build import build_classifier, open_reference
from toolkit.oracle.tasks.classification.reference import ClassReference, best_classes

__all__ = ["ClassReference", "best_classes", "build_classifier", "open_reference"]
