"""HuBERT encoders without the projection of their pretraining: features.

Becomes a stock `HubertModel`, or one with fairseq's frames of padded batches that the folder
carries.
Source: `fairseq/models/hubert/hubert.py`; Hsu et al. 2021 (arXiv:2106.07447).
"""

from toolkit.blocks.evidence import Facts
from toolkit.families.bare import BareEncoder
from toolkit.families.carried import carried_hubert
from toolkit.families.wordless import SPEAKERS

EXACT = carried_hubert("AutoModel", "HubertModel")


def _recognizes(facts: Facts) -> bool:
    kept = facts.has("label_embs_concat") or facts.has("encoder.pos_conv.1.weight")
    return kept and not facts.has(SPEAKERS)


FAMILY = BareEncoder(
    name="hubert_encoder",
    pretrained=("hubert", "contentvec"),
    fine_tuned=("hubert_ctc",),
    stock=("hubert",),
    recognizes=_recognizes,
    heads=("final_proj.weight",),
    exact=EXACT,
)
