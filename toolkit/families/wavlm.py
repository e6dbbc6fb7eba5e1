"""WavLM as it was pretrained: features.

Becomes a `WavLMModel`. fairseq cannot build it: only code of its fork (`--user-dir`,
`--fairseq-python`) or a recording made with it proves a conversion.
Source: https://github.com/microsoft/unilm/tree/master/wavlm; Chen et al. 2021 (arXiv:2110.13900).
"""

from toolkit.blocks.evidence import Facts
from toolkit.blocks.wav2vec2.gates import GATE
from toolkit.families.bare import BareEncoder


def _recognizes(facts: Facts) -> bool:
    return facts.has(GATE)


FAMILY = BareEncoder(
    name="wavlm",
    pretrained=("wavlm",),
    stock=("wavlm",),
    recognizes=_recognizes,
    counts_otherwise=True,
    unbuildable="fairseq has no WavLM: name its fork's code with `--user-dir`, another Python that has "
    "it with `--fairseq-python`, or a recording with `--recording`",
)
