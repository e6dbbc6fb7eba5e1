"""Every tolerance of a verdict, in one place, with its reason."""

from collections.abc import Collection

ISOLATED = 1e-9
"""One module in float64, relative to its largest value. Right mappings reach 1e-12, wrong ones do
not get below 1e-5: three orders of magnitude lie free on either side."""

ROUNDED = 1e-6
"""The same for a module, and all above it, that holds a weight which an operation had to round to
its dtype: a removed weight norm, split again into float32 factors."""

SAME_INPUT = 1e-12
"""Inputs of a module that count as fairseq's own: float64 rounding of all that lies before. A
module that is right within `ISOLATED` on such an input needs no replay."""

PROPAGATED = 4.0
"""End to end in float32, in units of the reference's own rounding error, with attention computed
step by step on both sides. Right mappings reach 1.0 (bit-identical) where the head width is a power
of four, and stayed below 2.2 elsewhere; a wrong weight gives thousands."""

LOGITS_FLOAT32 = 2e-6
"""Teacher-forced logits, relative to the largest."""

LOGITS_NOISE = 2.0
"""Where the reference's own float32 error exceeds `LOGITS_FLOAT32`, as it does in deep models, the
logits may differ by this multiple of it."""

BEAM_SCORE = 1e-5
"""Difference of two length-normalized log-probabilities."""

FRONT_END = 1e-6
"""Input of the network, relative to its largest value: float32 rounding."""

FRONT_END_EXPLAINED = 1e-5
"""The same after transformers' normalization epsilon has been put into fairseq's formula."""

EFFECTIVE_WEIGHT = 1e-6
"""An element of a weight-normed weight g * v / ||v||, relative to its own size; its factors may be
rounded to float32."""

PADDED_LOGITS = 2e-6
"""Logits of padded batches on both sides, relative to the largest; in deep models what
`LOGITS_NOISE` allows for its clips one by one."""

EXACT = 0.0
"""Names, ids, tokens, keys and copied values are equal or wrong."""


def of_noise(noise: float) -> float:
    """What float32 results may differ by, given the reference's own float32 error."""
    return LOGITS_FLOAT32 if noise <= LOGITS_FLOAT32 else LOGITS_NOISE * noise


def isolated(rounded: Collection[str], module: str = "") -> float:
    """What a module may differ by in float64; the whole model by default.

    Args:
        rounded: Target tensors that an operation of the mapping had to round.
        module: The module's path.
    """
    prefix = f"{module}." if module else ""
    return ROUNDED if any(name.startswith(prefix) for name in rounded) else ISOLATED
