"""What of a folder that is asked for features can be broken: its heads, and its small files."""

# The tables keep their columns.

from __future__ import annotations

from toolkit.core.breakable import Breakable, joined
from toolkit.core.slips import CONFIG, Invention, other, others, slip, unseen
from toolkit.tasks.speech import breakable

# fmt: off
_FOLDER = Breakable(
    slips=(
        slip("dtype",           "dtype_changed",      others("float16", "bfloat16"), "wrong_dtype"),
        unseen("architectures", "unread_key_changed", other(["Wav2Vec2Model"])),
    ),
    inventions=(
        Invention(file=CONFIG, path="output_attentions", value=True),
        Invention(file=CONFIG, path="ctc_zero_infinity", value=True, noted=True),
    ),
    narrow_dtypes=("float16", "bfloat16"),
)
# fmt: on

BREAKABLE = joined((_FOLDER, breakable.BREAKABLE))
"""What the folder says as a whole, and the file of the feature extractor."""
