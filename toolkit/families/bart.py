"""BART as it was fine-tuned: norms behind each block, learned positions.

Its dictionary is one of sentencepiece; that of GPT-2 is refused. Source:
`fairseq/models/bart/model.py` (`bart_large`); Lewis et al. 2019 (arXiv:1910.13461).
"""

from toolkit.families.text_to_text import Kind, TextToText

FAMILY = TextToText(Kind(name="bart", model_type="bart", arch="bart_large", activation="gelu"))
