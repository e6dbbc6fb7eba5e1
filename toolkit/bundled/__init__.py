"""Code that a converted folder carries along, because no class of transformers does the same.

Each module is copied into the folder as it stands and runs there without the toolkit: it imports
torch and transformers only.
"""

from pathlib import Path

GENERATION = Path(__file__).with_name("generation.py")
"""fairseq's beam search, for transformers' `custom_generate`."""
MODELLING = Path(__file__).with_name("modeling_xm_transformer.py")
"""Encoders and decoders with what fairseq's have and transformers' lack."""
TOKENIZATION = Path(__file__).with_name("tokenization_fairseq.py")
"""A tokenizer whose dictionary lacks pieces of its sentencepiece model."""
