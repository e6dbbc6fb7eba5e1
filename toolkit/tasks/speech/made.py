"""What is compared of waveforms that models make, and how a report shows and plays them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from toolkit.audio import Clip
from toolkit.audio.clips import SAMPLE_RATE_HZ
from toolkit.compare.pictures import Sketchbook
from toolkit.core.measures import Level
from toolkit.tasks.speech.hearing import Heard, HeardBench, listen
from toolkit.tasks.speech.levels import result_measures, result_noise
from toolkit.tasks.speech.run import Fused, HeardRun, compare_passes
from toolkit.trial.effort import Effort

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


def hear_made(
    bench: HeardBench, clip: Clip, *, effort: Effort, book: Sketchbook | None
) -> tuple[HeardRun, Heard]:
    """Runs both vocoders on what a clip gives them, and draws the waveform that is made.

    Args:
        bench: The models.
        clip: What they are asked about.
        effort: What is compared; nothing is searched whatever it says.
        book: Where to draw what is compared.

    Returns:
        What was compared, and what both models were given.
    """
    heard = listen(bench, clip, tag=None, prefix=())
    fused = Fused(bench, heard)
    effort = replace(effort, searched=False, beamed=False, piped=False)
    rate = int(bench.target.model.config.sampling_rate)
    drawn = replace(heard, waveform=for_a_picture(fused.expected[0], rate), is_made=True)
    run, _ = compare_passes(bench, drawn, fused, effort=effort, book=book)
    return run, heard


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
