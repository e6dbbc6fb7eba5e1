"""wav2vec 2.0, or data2vec, with a CTC head: a letter, or nothing, for every frame.

Becomes a `Wav2Vec2ForCTC`, a `Wav2Vec2ConformerForCTC` where its layers are a conformer's (one that
the folder carries if they have a positional convolution, or a norm before them), or a
`Data2VecAudioForCTC` where it has several positional convolutions.
Source: `fairseq/models/wav2vec/wav2vec2_asr.py`; Baevski et al. 2020 (arXiv:2006.11477), Baevski et
al. 2022 (arXiv:2202.03555).
"""

from toolkit.families.carried import carried_conformer
from toolkit.families.ctc import EncoderCtc

FAMILY = EncoderCtc(
    name="wav2vec2_ctc",
    architectures=(None, "wav2vec_ctc", "wav2vec2_ctc"),
    pretrained=("wav2vec2", "data2vec_audio", None),
    stock=("wav2vec2", "wav2vec2-conformer", "data2vec-audio"),
    conformer=carried_conformer("wav2vec2_conformer.", AutoModelForCTC="Wav2Vec2ConformerForCTC"),
)
