"""S2T-Conformer: filter banks, convolutions that shorten them, conformer encoder, and a decoder.

Source: `fairseq/models/speech_to_text/s2t_conformer.py`.
"""

from __future__ import annotations

from toolkit.blocks.filter_bank_conformer import FilterBankConformerBlock
from toolkit.families.s2t_transformer import S2TTransformer

FAMILY = S2TTransformer(name="s2t_conformer", block=FilterBankConformerBlock)
