"""What is compared of waveforms that models make, and how a report shows and plays them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from toolkit.audio.clips import SAMPLE_RATE_HZ
from toolkit.core.measures import Level
from toolkit.tasks.speech.levels import result_measures, result_noise
from toolkit.tasks.speech.run import HeardRun

if TYPE_CHECKING:
    from torch import Tensor


def waveform_level(runs: Sequence[HeardRun], exact_tolerance: float) -> Level:
    """Whether the waveforms agree.

    Args:
        runs: All examples.
        exact_tolerance: What they may differ by in float64.
    """
    exact, rounded = result_measures("waveform", runs, exact_tolerance)
    return Level(
        name="waveform",
        measures=(exact, rounded),
        summary=(
            f"waveforms within {rounded.error:.1e} of the loudest sample (the reference's own "
            f"float32 error: {result_noise(runs):.1e})"
        ),
    )


def for_a_picture(waveform: Tensor, rate_hz: int) -> Tensor:
    """A waveform with as many samples a second as pictures and players take.

    Args:
        waveform: Shape (L,).
        rate_hz: How many it has.
    """
    import torch

    if rate_hz == SAMPLE_RATE_HZ:
        return waveform
    size = max(1, waveform.numel() * SAMPLE_RATE_HZ // rate_hz)
    spread = torch.nn.functional.interpolate(waveform[None, None], size=size, mode="linear")
    return spread[0, 0]
