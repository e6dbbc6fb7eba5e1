"""What of a folder that makes waveforms can be broken, beside its weights."""

from __future__ import annotations

from toolkit.core.breakable import Breakable
from toolkit.core.slips import CONFIG, Invention, other, others, slip, unseen

# fmt: off
BREAKABLE = Breakable(
    slips=(
        slip("dtype",           "dtype_changed",      others("float16", "bfloat16"), "wrong_dtype"),
        unseen("architectures", "unread_key_changed", other(["SeamlessM4TModel"])),
    ),
    inventions=(
        Invention(file=CONFIG, path="output_attentions", value=True),
        Invention(file=CONFIG, path="ctc_zero_infinity", value=True, noted=True),
    ),
    narrow_dtypes=("float16", "bfloat16"),
)
# fmt: on
