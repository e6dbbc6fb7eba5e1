"""Runs both vocoders on the spectrogram of a clip and measures what a verdict needs of it."""

from __future__ import annotations

from dataclasses import replace

from toolkit.audio import Clip
from toolkit.compare.pictures import Sketchbook
from toolkit.tasks.mel_vocoder.target import MelVocoderTarget
from toolkit.tasks.speech.hearing import listen
from toolkit.tasks.speech.made import for_a_picture
from toolkit.tasks.speech.run import Fused, HeardRun, compare_passes
from toolkit.trial.bench import Bench
from toolkit.trial.effort import FULL, Effort


def run_clip(
    bench: Bench[MelVocoderTarget],
    clip: Clip,
    *,
    tag: int | None,
    effort: Effort = FULL,
    prefix: tuple[int, ...] | None = None,  # noqa: ARG001
    book: Sketchbook | None = None,
) -> HeardRun:
    """Runs both models on one spectrogram, but for the front ends, which each make their own.

    Args:
        bench: The models.
        clip: The audio.
        tag: None: there are no language tags.
        effort: What is compared; nothing is searched whatever it says.
        prefix: Of no use: there is no decoder.
        book: Where to draw what is compared: the waveform that is made.
    """
    heard = listen(bench, clip, tag=tag, prefix=())
    fused = Fused(bench, heard)
    effort = replace(effort, searched=False, beamed=False, piped=False)
    rate = int(bench.target.model.config.sampling_rate)
    drawn = replace(heard, waveform=for_a_picture(fused.expected[0], rate), is_made=True)
    run, _ = compare_passes(bench, drawn, fused, effort=effort, book=book)
    return run
