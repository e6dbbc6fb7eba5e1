"""mBART as it was fine-tuned to translate: norms before each block, learned positions.

Source: `fairseq/models/bart/model.py` (`mbart_large`), `examples/mbart`; Liu et al. 2020
(arXiv:2001.08210), Tang et al. 2020 (arXiv:2008.00401).
"""

from toolkit.families.text_to_text import Kind, TextToText

FAMILY = TextToText(Kind(name="mbart", model_type="mbart", arch="mbart_large", activation="gelu"))
