"""What of a folder that reads texts can be broken beside its weights."""

from toolkit.tasks.speech_seq2seq.breakable import SEARCH

BREAKABLE = SEARCH
"""The files of search and tokenizer; there is no feature extractor."""
