"""HuBERT with a CTC head: a letter, or nothing, for every frame.

Becomes a stock `HubertForCTC`, or one with fairseq's frames of padded batches that the folder
carries.
Source: `fairseq/models/hubert/hubert_asr.py`; Hsu et al. 2021 (arXiv:2106.07447).
"""

from toolkit.families.carried import carried_hubert
from toolkit.families.ctc import EncoderCtc

EXACT = carried_hubert("AutoModelForCTC", "HubertForCTC", prefix="hubert.")

FAMILY = EncoderCtc(
    name="hubert_ctc",
    architectures=("hubert_ctc", None),
    pretrained=("hubert", None),
    stock=("hubert",),
    has_targets=True,
    exact=EXACT,
)
