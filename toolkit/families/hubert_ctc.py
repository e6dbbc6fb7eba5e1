"""HuBERT with a CTC head: a letter, or nothing, for every frame.

Becomes a stock `HubertForCTC`, or one with fairseq's frames of padded batches that the folder
carries.
Source: `fairseq/models/hubert/hubert_asr.py`; Hsu et al. 2021 (arXiv:2106.07447).
"""

from toolkit.bundled import FEATURES, HUBERT
from toolkit.families.ctc import Carried, EncoderCtc

EXACT = Carried(
    model_type="fairseq_hubert",
    config={
        "auto_map": {
            "AutoConfig": f"{HUBERT.stem}.FairseqHubertConfig",
            "AutoModelForCTC": f"{HUBERT.stem}.HubertForCTC",
        },
    },
    files={file.name: file for file in (HUBERT, FEATURES)},
    because="it keeps every frame with a sample of the clip, HubertForCTC those alone that its "
    "convolutions make of the clip",
    prefix="hubert.",
)

FAMILY = EncoderCtc(
    name="hubert_ctc",
    architectures=("hubert_ctc", None),
    pretrained=("hubert", None),
    stock=("hubert",),
    has_targets=True,
    exact=EXACT,
)
