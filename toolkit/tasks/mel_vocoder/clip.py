"""Runs both vocoders on the spectrogram of a clip and measures what a verdict needs of it."""

from __future__ import annotations

from toolkit.audio import Clip
from toolkit.compare.pictures import Sketchbook
from toolkit.tasks.mel_vocoder.target import MelVocoderTarget
from toolkit.tasks.speech.made import hear_made
from toolkit.tasks.speech.run import HeardRun
from toolkit.trial.bench import Bench
from toolkit.trial.effort import FULL, Effort


def run_clip(
    bench: Bench[MelVocoderTarget],
    clip: Clip,
    *,
    tag: int | None,  # noqa: ARG001
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
    return hear_made(bench, clip, effort=effort, book=book)[0]
