"""UniSpeech as it was pretrained: features.

Becomes a `UniSpeechModel`. The encoder is fairseq's own wav2vec 2.0, which is asked for the proof; what
the fork builds on it, letters that are said of codes and features in turn, serves pretraining only.
Source: `unispeech.py` in https://github.com/microsoft/UniSpeech; Wang et al. 2021 (arXiv:2101.07597).
"""

from toolkit.blocks.evidence import Facts
from toolkit.families.bare import BareEncoder
from toolkit.mapping import Drop

LETTERS = "the letters of pretraining are said of codes in the place of some features"


def _recognizes(_: Facts) -> bool:
    """A wav2vec 2.0 has the same tensors."""
    return False


FAMILY = BareEncoder(
    name="unispeech",
    pretrained=("unispeech",),
    stock=("unispeech",),
    recognizes=_recognizes,
    leftovers=(Drop("w2v_encoder.proj.{weight|bias}", LETTERS),),
)
