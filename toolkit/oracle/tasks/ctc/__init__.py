"""fairseq's half of the task CTC: from sound to a letter for every frame.

The model is fairseq's `Wav2VecCtc` or `HubertCtc`, built from settings and weights that somebody
else has read.
"""

from toolkit.oracle.tasks.ctc.build import (
    build_ctc,
    make_arguments,
    open_reference,
    read_layers,
)
from toolkit.oracle.tasks.ctc.reference import CtcReference, CtcTask, best_path, make_dictionary

__all__ = [
    "CtcReference",
    "CtcTask",
    "best_path",
    "build_ctc",
    "make_arguments",
    "make_dictionary",
    "open_reference",
    "read_layers",
]
