"""UniSpeech-SAT as it was pretrained: features.

Becomes a `UniSpeechSatModel`, or a HuBERT with fairseq's frames of padded batches that the folder
carries. The encoder is fairseq's own HuBERT, which is asked for the proof; what tells speakers and
classes apart serves pretraining only.
Source: `unispeech_sat.py` in https://github.com/microsoft/UniSpeech; Chen et al. 2021
(arXiv:2110.05752).
"""

from toolkit.blocks.evidence import Facts
from toolkit.families.bare import BareEncoder
from toolkit.families.carried import carried_hubert
from toolkit.families.wordless import SPEAKERS
from toolkit.mapping import Drop

TELLS_APART = "it tells speakers apart, which serves pretraining only"


def _recognizes(facts: Facts) -> bool:
    return facts.has(SPEAKERS)


FAMILY = BareEncoder(
    name="unispeech_sat",
    pretrained=("unispeech_sat",),
    stock=("unispeech-sat",),
    recognizes=_recognizes,
    exact=carried_hubert("AutoModel", "HubertModel"),
    leftovers=(
        Drop("spk_proj.{weight|bias}", TELLS_APART),
        Drop("encoder.layer_norm_for_extract.{weight|bias}", TELLS_APART),
    ),
)
