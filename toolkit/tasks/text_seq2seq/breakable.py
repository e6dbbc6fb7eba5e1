"""What of a folder that reads texts can be broken beside its weights."""

from toolkit.core.breakable import Breakable, joined
from toolkit.core.slips import TOKENIZER_CONFIG, Invention
from toolkit.tasks.speech_seq2seq.breakable import SEARCH

_LEFT = Invention(
    path="padding_side", value="left", file=TOKENIZER_CONFIG, hypotheses=("wrong_vocabulary",)
)
_PADDING = Breakable(inventions=(_LEFT,))
"""As fairseq pads sources; these classes count positions from the row's start."""
BREAKABLE = joined((SEARCH, _PADDING))
"""The files of search and tokenizer; there is no feature extractor."""
