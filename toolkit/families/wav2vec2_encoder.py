"""wav2vec 2.0 and XLS-R encoders without the heads of their pretraining: features.

Becomes a `Wav2Vec2Model`, a `Wav2Vec2ConformerModel` where its layers are a conformer's (one that
the folder carries if they have a positional convolution, or a norm before them), or a
`Data2VecAudioModel` where it has several positional convolutions.
Source: `fairseq/models/wav2vec/wav2vec2.py`; Baevski et al. 2020 (arXiv:2006.11477).
"""

from toolkit.blocks.evidence import Facts
from toolkit.families.bare import BareEncoder
from toolkit.families.carried import carried_conformer
from toolkit.families.wordless import SPEAKERS

OTHERS = (
    *("label_embs_concat", "encoder.pos_conv.1.weight", "encoder.pos_conv.0.0.weight"),
    *(SPEAKERS, "encoder.layers.0.self_attn.grep_linear.weight"),
)
"""What encoders of other families have: classes, batch norms, several positional convolutions,
speakers, gates."""


def _recognizes(facts: Facts) -> bool:
    return not any(map(facts.has, OTHERS))


FAMILY = BareEncoder(
    name="wav2vec2_encoder",
    pretrained=("wav2vec2",),
    stock=("wav2vec2", "wav2vec2-conformer", "data2vec-audio"),
    conformer=carried_conformer(AutoModel="Wav2Vec2ConformerModel"),
    recognizes=_recognizes,
    alike="HuBERT's encoder has the same tensors, and counts frames of padded batches otherwise",
    heads=("project_q.weight", "final_proj.weight"),
)
