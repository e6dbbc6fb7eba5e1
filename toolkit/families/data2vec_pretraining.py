"""data2vec for audio as it was pretrained, or its encoder alone: features.

Becomes a `Data2VecAudioModel`, or a `Wav2Vec2Model` where it has one positional convolution. It is
pretrained without codes: the teacher (`_ema`) and the projection onto what that makes serve
training only.
Source: `fairseq/examples/data2vec/models/data2vec_audio.py`; Baevski et al. 2022 (arXiv:2202.03555).
"""

from toolkit.blocks.evidence import Facts
from toolkit.families.bare import BareEncoder


def _recognizes(facts: Facts) -> bool:
    return facts.has("encoder.pos_conv.0.0.weight")


FAMILY = BareEncoder(
    name="data2vec_pretraining",
    pretrained=("data2vec_audio",),
    stock=("wav2vec2", "wav2vec2-conformer", "data2vec-audio"),
    recognizes=_recognizes,
)
