"""M2M-100 and the dense models of NLLB: norms before each block, computed positions.

Source: `examples/m2m_100`, `examples/nllb`; Fan et al. 2020 (arXiv:2010.11125).
"""

from toolkit.families.text_to_text import Kind, TextToText

FAMILY = TextToText(
    Kind(
        name="m2m_100",
        model_type="m2m_100",
        arch="transformer_wmt_en_de_big",
        activation="relu",
        has_bias=False,
    )
)
