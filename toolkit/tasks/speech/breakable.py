"""What of a folder that hears speech can be broken, whatever it makes of it."""

# The tables keep their columns.
# ruff: noqa: E501

from __future__ import annotations

from functools import partial

from toolkit.core import slips
from toolkit.core.breakable import Breakable, joined
from toolkit.core.slips import PREPROCESSOR, gained, lost, other, others, plus, toggled

_slip = partial(slips.slip, file=PREPROCESSOR)

# fmt: off
SOUND = Breakable(
    slips=(
        _slip("sampling_rate",         "sampling_rate_changed",  others(8_000, 44_100)),
        _slip("padding_value",         "padding_changed",        others(1.0, -1.0)),
        _slip("padding_side",          "padding_changed",        other("left", "right")),
        _slip("feature_size",          "feature_size_changed",   plus(1)),
    ),
)
"""The file of any feature extractor."""
_WAVEFORMS = Breakable(
    slips=(
        _slip("do_normalize",          "normalization_changed",  lost,                    "not_normalized", absent=True),
        _slip("do_normalize",          "normalization_changed",  gained,                  "not_normalized", "wrong_value"),
        _slip("return_attention_mask", "attention_mask_changed", toggled,                 absent=True),
    ),
)
FILTER_BANKS = joined(
    (
        SOUND,
        Breakable(
            slips=(
                # The class returns a mask whatever its file says.
                _slip("do_ceptral_normalize", "normalization_changed", toggled, "not_normalized", "wrong_value"),
                _slip("normalize_means",      "normalization_changed", lost,    "not_normalized", "wrong_value"),
                _slip("normalize_vars",       "normalization_changed", lost,    "not_normalized", "wrong_value"),
                _slip("num_mel_bins",         "feature_size_changed",  plus(1)),
                _slip("dither",               "dither_changed",        other(1.0, 0.0)),
            ),
        ),
    )
)
# fmt: on
"""The file of a feature extractor of filter banks."""
BREAKABLE = joined((SOUND, _WAVEFORMS))
"""The file of one of waveforms."""
