"""What of a folder that makes waveforms of spectrograms can be broken, beside its weights."""

from __future__ import annotations

from functools import partial

from toolkit.core import slips
from toolkit.core.breakable import Breakable, joined
from toolkit.core.slips import CONFIG, PREPROCESSOR, Invention, halved, other, others, plus, unseen
from toolkit.tasks.speech.breakable import SOUND

_slip = partial(slips.slip, file=PREPROCESSOR)

# fmt: off
_FOLDER = Breakable(
    slips=(
        slips.slip("dtype",     "dtype_changed",      others("float16", "bfloat16"), "wrong_dtype"),
        unseen("architectures", "unread_key_changed", other(["SpeechT5ForTextToSpeech"])),
        _slip("n_fft",          "frame_changed",      halved),
        _slip("win_length",     "frame_changed",      halved),
        _slip("hop_length",     "frame_changed",      plus(1)),
        _slip("window_function", "window_changed",    others("hamming", "blackman")),
        _slip("f_min",          "bands_changed",      other(20.0, 0.0)),
        _slip("f_max",          "bands_changed",      other(7500.0, 7000.0)),
        _slip("floor",          "floor_changed",      others(1e-10, 1e-2)),
    ),
    inventions=(
        Invention(file=CONFIG, path="output_attentions", value=True),
        Invention(file=CONFIG, path="ctc_zero_infinity", value=True, noted=True),
    ),
    narrow_dtypes=("float16", "bfloat16"),
)
# fmt: on
BREAKABLE = joined((_FOLDER, SOUND))
"""What the folder says as a whole, and the file of the feature extractor."""
