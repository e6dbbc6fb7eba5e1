"""HuBERT with a CTC head: a letter, or nothing, for every frame.

Becomes a `HubertForCTC`.
Source: `fairseq/models/hubert/hubert_asr.py`; Hsu et al. 2021 (arXiv:2106.07447).
"""

from toolkit.families.ctc import EncoderCtc

FAMILY = EncoderCtc(
    name="hubert_ctc",
    architectures=("hubert_ctc", None),
    pretrained=("hubert", None),
    stock=("hubert",),
    has_targets=True,
    counts_otherwise=True,
)
