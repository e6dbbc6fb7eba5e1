"""fairseq's half of the task features: from sound to what an encoder makes of every frame.

The model is one that was pretrained, with what pretraining compares its features with, if that is
left.
"""

from toolkit.oracle.tasks.features.build import build_features, open_reference
from toolkit.oracle.tasks.features.reference import (
    NEGATIVES,
    FeatureReference,
    further_prefixes,
    negatives_of,
)

__all__ = [
    "NEGATIVES",
    "FeatureReference",
    "build_features",
    "further_prefixes",
    "negatives_of",
    "open_reference",
]
